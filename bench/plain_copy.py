"""The other end of a plain copy over a Unix socket: what bulk data costs when nothing looks at it.

    plain_copy.py PATH    listens there; serves one connection until it ends

The client sends a byte and eight of a length: `r`, and as many bytes, which are taken and answered with one byte;
or `w`, and as many bytes are sent.
"""

import socket
import struct
import sys

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
peer, _ = listener.accept()
memory = memoryview(bytearray(1))
while head := peer.recv(9, socket.MSG_WAITALL):
    what, length = struct.unpack(">cQ", head)
    if len(memory) != length:
        memory = memoryview(bytearray(length))
    if what == b"w":
        peer.sendall(memory)
        continue
    got = 0
    while got < length:
        got += peer.recv_into(memory[got:])
    peer.sendall(b".")
