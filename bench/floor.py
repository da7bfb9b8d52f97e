"""A Jupyter kernel that runs nothing: it answers each request with messages made beforehand, as few as a client accepts.

What a round trip to it takes is the client's own share, which no kernel gets below. `python floor.py CONNECTION_FILE`
"""

import hashlib
import hmac
import itertools
import json
import sys
from pathlib import Path

import zmq

INFO = {
    "status": "ok",
    "protocol_version": "5.3",
    "implementation": "floor",
    "implementation_version": "1",
    "language_info": {"name": "none", "version": "1", "mimetype": "text/plain", "file_extension": ".txt"},
    "banner": "",
}
RESULT = {"execution_count": 1, "data": {"text/plain": "2"}, "metadata": {}}
REPLY = {"status": "ok", "execution_count": 1, "user_expressions": {}, "payload": []}


def serve(info):
    context = zmq.Context()

    def bound(kind, port):
        socket = context.socket(kind)
        socket.bind(f"{info['transport']}://{info['ip']}:{info[port]}")
        return socket

    shell, iopub = bound(zmq.ROUTER, "shell_port"), bound(zmq.PUB, "iopub_port")
    sockets = [bound(zmq.ROUTER, "control_port"), bound(zmq.ROUTER, "stdin_port"), bound(zmq.REP, "hb_port")]
    key = hmac.new(info["key"].encode(), digestmod=hashlib.sha256)
    numbers = itertools.count()

    def send(socket, first, msg_type, parent, content):
        header = (
            f'{{"msg_id":"{next(numbers)}","msg_type":"{msg_type}","session":"floor","username":"floor",'
            f'"date":"2020-01-01T00:00:00.000000Z","version":"5.3"}}'
        ).encode()
        parts = [header, parent, b"{}", json.dumps(content).encode()]
        mac = key.copy()
        for part in parts:
            mac.update(part)
        socket.send_multipart([*first, b"<IDS|MSG>", mac.hexdigest().encode(), *parts])

    while sockets:
        frames = shell.recv_multipart()
        at = frames.index(b"<IDS|MSG>")
        first, header = frames[:at], frames[at + 2]
        asked = json.loads(header)["msg_type"]
        send(iopub, [b"status"], "status", header, {"execution_state": "busy"})
        if asked == "execute_request":
            code = json.loads(frames[at + 5])["code"]
            send(iopub, [b"input"], "execute_input", header, {"code": code, "execution_count": 1})
            send(iopub, [b"result"], "execute_result", header, RESULT)
        content = INFO if asked == "kernel_info_request" else REPLY
        send(shell, first, asked.replace("_request", "_reply"), header, content)
        send(iopub, [b"status"], "status", header, {"execution_state": "idle"})


if __name__ == "__main__":
    serve(json.loads(Path(sys.argv[1]).read_text()))
