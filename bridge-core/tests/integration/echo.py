"""A child that speaks the protocol and runs a toy language: both a worker and a BEAM to the engine under test.

A cell is a list of instructions, one a line; see `Cell` for what they do. `ECHO_START` makes it start badly.
"""

import argparse
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

# --- terms: atoms are `Atom`, binaries are str or bytes, tuples tuples, lists lists, maps dicts ---


class Atom(str):
    pass


class Text(str):
    pass


NIL, TRUE, FALSE = Atom("nil"), Atom("true"), Atom("false")


def encode(term):
    return b"\x83" + encode_part(term)


def encode_part(term):
    if term is None or term is True or term is False:
        term = {None: NIL, True: TRUE, False: FALSE}[term]
    if isinstance(term, Atom):
        name = term.encode()
        return b"w" + bytes([len(name)]) + name
    if isinstance(term, int):
        if -(1 << 31) <= term < 1 << 31:
            return b"b" + struct.pack(">i", term)
        return b"n\x08" + bytes([term < 0]) + abs(term).to_bytes(8, "little")
    if isinstance(term, str):
        term = term.encode()
    if isinstance(term, bytes):
        return b"m" + struct.pack(">I", len(term)) + term
    if isinstance(term, tuple):
        return b"h" + bytes([len(term)]) + b"".join(map(encode_part, term))
    if isinstance(term, list):
        if not term:
            return b"j"
        return b"l" + struct.pack(">I", len(term)) + b"".join(map(encode_part, term)) + b"j"
    # Keys are atoms; `Text` keys are binaries.
    pairs = [
        encode_part(str(k) if isinstance(k, Text) else Atom(k)) + encode_part(v) for k, v in term.items()
    ]
    return b"t" + struct.pack(">I", len(pairs)) + b"".join(pairs)


def decode(data):
    return decode_part(data, 1)[0]


def decode_part(data, at):
    tag, at = data[at], at + 1
    if tag == 97:
        return data[at], at + 1
    if tag == 98:
        return struct.unpack_from(">i", data, at)[0], at + 4
    if tag == 110:
        size, sign = data[at], data[at + 1]
        value = int.from_bytes(data[at + 2 : at + 2 + size], "little")
        return (-value if sign else value), at + 2 + size
    if tag == 119:
        end = at + 1 + data[at]
        name = data[at + 1 : end].decode()
        return {"nil": None, "true": True, "false": False}.get(name, Atom(name)), end
    if tag == 109:
        end = at + 4 + struct.unpack_from(">I", data, at)[0]
        return data[at + 4 : end].decode(), end
    if tag == 106:
        return [], at
    if tag in (104, 108, 116):
        count, at = (data[at], at + 1) if tag == 104 else (struct.unpack_from(">I", data, at)[0], at + 4)
        items = []
        for _ in range(count * 2 if tag == 116 else count):
            item, at = decode_part(data, at)
            items.append(item)
        if tag == 104:
            return tuple(items), at
        if tag == 108:
            return items, at + 1
        return dict(zip(items[::2], items[1::2], strict=False)), at
    raise ValueError(f"tag {tag}")


class Connection:
    def __init__(self, path, **info):
        self.hung_up = False
        self.is_vital = True
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lock = threading.Lock()
        self.send((Atom("hello"), VERSION, {"pid": os.getpid(), **info}))
        self.greeting = self.receive()

    def send(self, term):
        self.send_bytes(encode(term))

    def send_bytes(self, payload):
        with self.lock:
            self.socket.sendall(struct.pack(">I", len(payload)) + payload)

    def receive(self):
        header = self.exactly(4)
        return decode(self.exactly(struct.unpack(">I", header)[0]))

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                while self.hung_up:
                    time.sleep(1)
                if not self.is_vital:
                    raise EOFError
                os._exit(0)
            data += more
        return data


# --- the toy language ---

NAMES = {}
EVENTS = []
INTERRUPTED = set()
HEARD = set()
RUNNING = set()


class Cell:
    def __init__(self, body, lane):
        self.lane = lane
        self.number = body["cell"]
        self.body = body
        self.writes, self.deletes = [], []
        self.status = "ok"

    def run(self):
        began = time.monotonic()
        for line in self.body["source"].splitlines():
            name, _, rest = line.strip().partition(" ")
            if name:
                getattr(self, "do_" + name)(rest)
            if self.number in INTERRUPTED:
                self.status = "interrupted"
                break
            if self.status != "ok":
                break
        duration = int((time.monotonic() - began) * 1e6)
        return {
            "status": Atom(self.status),
            "duration_us": duration,
            "reads": [],
            "writes": sorted(self.writes),
            "deletes": self.deletes,
            "calls": [{"module": "math", "name": "sqrt", "args": ["int"], "returns": "float", "count": 1}],
        }

    def event(self, op, body):
        self.lane.send((Atom("ev"), Atom(op), body))

    def do_out(self, text):
        self.event("stream", (self.number, Atom("stdout"), text + "\n"))

    def do_err(self, text):
        self.event("stream", (self.number, Atom("stderr"), text + "\n"))

    def do_result(self, text):
        self.event("result", {"cell": self.number, "data": plain(text), "metadata": "{}"})

    def do_image(self, count):
        data = {Text("image/png"): b"\x89PNG" * int(count)}
        body = {"cell": self.number, "data": data, "metadata": "{}", "display_id": None, "update": False}
        self.event("display", body)

    def do_baddisplay(self, _):
        data = {Text("text/plain"): b"\xff", Text("text/html"): "<b>1</b>"}
        self.event(
            "display",
            {"cell": self.number, "data": data, "metadata": "[", "display_id": None, "update": False},
        )

    def do_fail(self, text):
        self.status = "error"
        name, _, message = text.partition(" ")
        body = {
            "cell": self.number,
            "class": name,
            "message": message,
            "traceback": ["line 1"],
            "hint": "try again",
        }
        self.event("error", body)

    def do_set(self, name):
        NAMES[name] = self.number
        self.writes.append(name)

    def do_del(self, name):
        NAMES.pop(name, None)
        self.deletes.append(name)

    def do_ask(self, prompt, password=False):
        self.lane.send((Atom("req"), 900 + self.number, Atom("input"), (self.number, prompt, password)))
        answer = self.lane.receive()
        self.do_out("answer " + repr(answer[2]) if answer[0] == "ok" else "no answer: " + answer[2][1])

    def do_secret(self, prompt):
        self.do_ask(prompt, True)

    def do_sleep(self, seconds):
        deadline = time.monotonic() + float(seconds)
        while time.monotonic() < deadline and self.number not in INTERRUPTED:
            time.sleep(0.005)

    def do_stuck(self, seconds):
        # Who waits for this line knows that no interrupt is looked at any more.
        self.do_out("stuck")
        time.sleep(float(seconds))

    def do_cleanup(self, seconds):
        # Hears the interrupt, and takes its time. Who waits for this line does not interrupt what comes before.
        self.do_out("go")
        self.do_sleep(60)
        HEARD.add(self.number)
        time.sleep(float(seconds))
        self.do_out("saved")

    def do_flood(self, size):
        while self.number not in INTERRUPTED:
            self.event("stream", (self.number, Atom("stdout"), "x" * int(size) + "\n"))

    def do_late(self, text):
        # Held back until the engine has seen the end of the cell: the host asks `ping` for that.
        EVENTS.append(text)
        LATE.append((self.number, text))

    def do_during(self, text):
        CONTROL.send((Atom("ev"), Atom("stream"), (self.number, Atom("stdout"), text + "\n")))

    def do_other(self, text):
        self.event("stream", (self.number - 1, Atom("stdout"), text + "\n"))

    def do_show(self, what):
        known = {"events": EVENTS, "names": sorted(NAMES), "pid": os.getpid(), "read": self.body.get("read")}
        known["cwd"] = os.getcwd()
        known["stdin"] = sys.stdin.read()
        known["group"] = os.getpgrp() == os.getpid()
        self.do_out(json.dumps(known[what]))

    def do_child(self, _):
        self.do_out(str(subprocess.Popen(["sleep", "1000"]).pid))

    def do_raw(self, text):
        os.write(2, text.encode() + b"\n")

    def do_exit(self, code):
        os._exit(int(code))

    def do_signal(self, number):
        os.kill(os.getpid(), int(number))

    def do_garbage(self, _):
        self.lane.send_bytes(b"no term")
        self.lane.send((Atom("hello"), "world"))
        self.lane.send((Atom("ev"), Atom("stream"), "not a tuple"))
        self.lane.send((Atom("ev"), Atom("juggle"), None))
        self.lane.send((Atom("ok"), 424242, "nobody asked"))

    def do_controlgarbage(self, _):
        CONTROL.send_bytes(b"no term")
        CONTROL.send((Atom("ev"), Atom("fault"), "I am confused"))

    def do_request(self, op):
        self.lane.send((Atom("req"), 7, Atom(op), None))
        answer = self.lane.receive()
        self.do_out(" ".join(map(str, (answer[0], answer[2] if answer[0] == "ok" else answer[2][1]))))

    def do_worker(self, _):
        # The answer comes on the control connection.
        CONTROL.send((Atom("req"), 70, Atom("worker"), None))
        while not ANSWERS:
            time.sleep(0.005)
        self.do_out(json.dumps(ANSWERS.pop()[2]))

    def do_broken(self, generation):
        body = (int(generation), "it answered request 9 instead of 1")
        CONTROL.send((Atom("req"), 71, Atom("broken"), body))
        while not ANSWERS:
            time.sleep(0.005)
        self.do_out(json.dumps(ANSWERS.pop()[2]))

    def do_oversize(self, _):
        self.lane.socket.sendall(b"\xff\xff\xff\xff")

    def do_half(self, _):
        self.lane.socket.sendall(struct.pack(">I", 1000) + b"\x83")
        self.lane.socket.shutdown(socket.SHUT_RDWR)
        time.sleep(60)

    def do_hangup(self, which):
        connection = {"main": self.lane, "control": CONTROL, "own": OWN}[which]
        connection.hung_up = True
        connection.socket.shutdown(socket.SHUT_RDWR)
        time.sleep(60 if which != "own" else 0)

    def do_badanswer(self, _):
        self.lane.send((Atom("ok"), self.number, {"status": Atom("splendid")}))
        self.status = "silent"

    def do_refuse(self, text):
        error = (Atom("bridge"), Atom("interrupted"), text, "a hint")
        self.lane.send((Atom("error"), self.number, error))
        self.status = "silent"


def plain(text):
    return {Text("text/plain"): text}


LATE, ANSWERS = [], []


def serve_control():
    while True:
        message = CONTROL.receive()
        kind = message[0]
        if kind == "req":
            _, number, op, body = message
            EVENTS.append(f"{op}")
            if op == "interrupt":
                running = body in RUNNING
                if running:
                    INTERRUPTED.add(body)
                CONTROL.send((Atom("ok"), number, running))
            elif op == "heard":
                CONTROL.send((Atom("ok"), number, body in HEARD))
            elif op == "shutdown":
                if START == "stubborn":
                    continue
                CONTROL.send((Atom("ok"), number, True))
                os._exit(0)
            elif op == "usage":
                CONTROL.send((Atom("ok"), number, {"refs": 3, "lanes": 0, "memory_bytes": 1}))
            elif op == "attach":
                EVENTS[-1] = f"attach {body['generation']}"
                if START == "slowattach":
                    time.sleep(0.3)
                CONTROL.send((Atom("ok"), number, True))
        elif kind == "ev":
            _, op, body = message
            if op == "open_lane":
                threading.Thread(target=serve_subshell, args=(body,), daemon=True).start()
            if op == "detach":
                body = f"{body['generation']} {body['reason']} {body.get('cell')}"
            EVENTS.append(f"{op} {body}")
        else:
            ANSWERS.append(message)


def serve_own():
    while True:
        message = OWN.receive()
        _, number, op, body = message
        answer = None
        if op == "complete":
            if "slow" in body["source"]:
                time.sleep(0.5)
            start = len(re.sub(r"\w*$", "", body["source"][: body["cursor"]]))
            names = [n for n in sorted(NAMES) if n.startswith(body["source"][start : body["cursor"]])]
            items = [{"text": n, "kind": "name", "detail": None, "doc": None} for n in names]
            answer = {"from": start, "to": body["cursor"], "items": items}
            if "outside" in body["source"]:
                answer["to"] = 10_000
        elif op == "inspect":
            answer = {"found": True, "data": plain(f"{body['source']} {body['detail']}")}
        elif op == "is_complete":
            open_ = body["source"].endswith(":")
            answer = {
                "status": Atom("incomplete" if open_ else "complete"),
                "indent": "    " if open_ else "",
            }
        elif op == "names":
            answer = [
                {"name": n, "type": "int", "size": None, "value": str(v)} for n, v in sorted(NAMES.items())
            ]
        OWN.send((Atom("ok"), number, answer))


def serve_subshell(token):
    lane = Connection(HOST, role=Atom("lane"), thread=Atom("own"), token=token, **INFO)
    lane.is_vital = False
    try:
        serve_cells(lane)
    except EOFError:
        EVENTS.append(f"closed {token}")


def serve_cells(lane):
    while True:
        _, number, _op, body = lane.receive()
        cell = Cell(body, lane)
        RUNNING.add(cell.number)
        try:
            answer = cell.run()
        except Exception as error:  # a bug of this script: the test shall see it
            answer = {"status": Atom("error")}
            cell.do_err(f"echo.py: {error!r}")
        RUNNING.discard(cell.number)
        if cell.status != "silent":
            lane.send((Atom("ok"), number, answer))
        for late in LATE:
            time.sleep(0.05)
            CONTROL.send((Atom("ev"), Atom("stream"), (late[0], Atom("stdout"), late[1] + "\n")))
        LATE.clear()


def main():
    global CONTROL, HOST, INFO, OWN, START, VERSION
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default=os.environ.get("SNAKEBRIDGE_HOST"))
    parser.add_argument("--listen")
    parser.add_argument("--generation", type=int)
    parser.add_argument("--cells", action="store_true")
    options = parser.parse_args()
    START = os.environ.get("ECHO_START", "")
    VERSION = 2 if START == "oldversion" else 1
    if START.startswith("marker "):
        # Starts well only the first time.
        marker = START.removeprefix("marker ")
        START = "crash" if os.path.exists(marker) else ""
        open(marker, "a").close()
    if START == "crash":
        print("ImportError: no module named sky", file=sys.stderr)
        sys.exit(3)
    if START == "silent":
        print("I am thinking", flush=True)
        time.sleep(60)
    worker = options.generation is not None
    generation = options.generation or int(os.environ["SNAKEBRIDGE_GENERATION"])
    HOST = options.host
    INFO = info = {"peer": Atom("worker" if worker else "beam"), "generation": generation}
    versions = {"python": "3.11.7"} if worker else {"elixir": "1.18.3", "otp": "27"}
    CONTROL = Connection(
        options.host,
        role=Atom("control"),
        socket=options.listen,
        versions=versions,
        executable=sys.executable,
        **info,
    )
    if START == "oldversion":
        print(CONTROL.greeting[2][2], flush=True)
        sys.exit(1)
    if START == "nolanes":
        time.sleep(60)
    lane = Connection(options.host, role=Atom("lane"), thread=Atom("main"), **info)
    if START == "stale":
        # As of a child that has died: nobody serves it.
        for stale in (generation + 1, None):
            Connection(options.host, role=Atom("lane"), thread=Atom("main"), **{**info, "generation": stale})
    OWN = Connection(options.host, role=Atom("lane"), thread=Atom("own"), **info)
    for target in (serve_control, serve_own):
        threading.Thread(target=target, daemon=True).start()
    serve_cells(lane)


signal.signal(signal.SIGINT, signal.SIG_DFL)
main()
