"""Objects made at random, and what each is to be after its way to Elixir and back."""

import array
import collections
import datetime
import decimal
import enum
import math
import random
import uuid
import zoneinfo

UTC = datetime.timezone.utc


class Flag(enum.Flag):
    A = 1


class Number(enum.IntEnum):
    ONE = 1


class Text(str):
    pass


class Items(list):
    pass


Pair = collections.namedtuple("Pair", "a b")

SUBCLASSES = [
    Number.ONE,
    Flag.A,
    Text("x"),
    Items([1]),
    Pair(1, [2]),
    collections.OrderedDict(a=1),
    collections.defaultdict(list, a=[1]),
    collections.Counter("ab"),
    collections.deque([1]),
    type("I", (int,), {})(3),
    type("F", (float,), {})(3.5),
    type("B", (bytes,), {})(b"x"),
    type("D", (dict,), {})(a=1),
    type("S", (set,), {})([1]),
    type("T", (tuple,), {})([1]),
    type("C", (complex,), {})(1, 2),
    type("Day", (datetime.date,), {})(2024, 1, 1),
    type("Moment", (datetime.datetime,), {})(2024, 1, 1),
    type("Lapse", (datetime.timedelta,), {})(1),
    array.array("i", [1]),
    array,
    int,
    len,
    (lambda: 1),
    object(),
    NotImplemented,
    ...,
    "\ud800",
    "a\udfffb",
    datetime.time(1, tzinfo=UTC),
]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def any(self, depth):
        chosen = self.random.random()
        if depth == 0 or chosen < 0.3:
            return self.leaf()
        items = [self.any(self.random.randrange(depth)) for _ in range(self.random.choice([0, 1, 2, 5]))]
        if chosen < 0.5:
            return items
        if chosen < 0.65:
            return tuple(items)
        if chosen < 0.9:
            return {self.key(2): item for item in items}
        if chosen < 0.95:
            return {self.key(2) for _ in items}
        if chosen < 0.97:
            items.append(items)
            return items
        if chosen < 0.98:
            return [items, items, (items,)]
        return frozenset(self.key(1) for _ in items)

    def key(self, depth):
        chosen = self.random.random()
        if depth and chosen < 0.2:
            return tuple(self.key(depth - 1) for _ in range(self.random.randrange(3)))
        if depth and chosen < 0.3:
            return frozenset(self.key(depth - 1) for _ in range(self.random.randrange(3)))
        if chosen < 0.5:
            return self.random.choice(["a", "b", b"a", b"b", b"\xff", "", b""])
        if chosen < 0.6:
            return self.random.choice([math.nan, float("nan"), 1.0, 0.5, -0.0, 1, True, False, None, 2**70])
        return self.leaf(hashable=True)

    def leaf(self, hashable=False):
        choose = self.random.choice
        kinds = [
            lambda: choose([None, True, False]),
            lambda: choose([0, 1, -1, 2**31, -(2**63), 2**64, 10**400, -(7**3000)]),
            lambda: choose([0.0, -0.0, 1.5, math.inf, -math.inf, 5e-324, 1e308, self.random.gauss(0, 1e9)]),
            lambda: choose(["", "a", "é", "\0", "𝄞", "x" * 300, "\uffff"]),
            lambda: choose([b"", b"a", b"\xff", "é".encode(), bytes(range(256))]),
            lambda: choose(
                [range(0), range(5), range(5, 0, -2), range(3, 3, 9), range(2**70), range(-3, 10, 4)]
            ),
            lambda: complex(choose([0.0, -0.0, 1.5, math.inf]), choose([0.0, -2.0, -0.0])),
            lambda: choose([datetime.date.min, datetime.date.max, datetime.date(1582, 10, 15)]),
            lambda: choose([datetime.time.min, datetime.time.max, datetime.time(1, 2, 3, 4)]),
            lambda: choose(
                [datetime.datetime.min, datetime.datetime.max, datetime.datetime(2024, 2, 29, 1, 2, 3, 4)]
            ),
            lambda: datetime.datetime(2024, 10, 27, 2, 30, tzinfo=self.zone(), fold=choose([0, 1])),
            lambda: choose([datetime.timedelta.min, datetime.timedelta.max, datetime.timedelta(-1, 5, 7)]),
            lambda: choose([uuid.UUID(int=5), decimal.Decimal("-1.50"), decimal.Decimal("1E+9")]),
            lambda: choose(
                [
                    one
                    for one in SUBCLASSES
                    if not hashable
                    or (getattr(one, "__hash__", None) is not None and not isinstance(one, tuple))
                ]
            ),
        ]
        if not hashable:
            kinds.append(lambda: choose([bytearray(b"a"), bytearray(b"\xff"), memoryview(b"abc")[::2]]))
        return choose(kinds)()

    def zone(self):
        return self.random.choice(
            [
                UTC,
                datetime.timezone(datetime.timedelta(hours=2)),
                datetime.timezone(datetime.timedelta(hours=-3, minutes=-30), "NDT"),
                datetime.timezone(datetime.timedelta(seconds=1)),
                datetime.timezone(datetime.timedelta(microseconds=1)),
                zoneinfo.ZoneInfo("Europe/Paris"),
                zoneinfo.ZoneInfo("America/Lima"),
            ]
        )


made = {}


def make(seed):
    made.clear()
    made[seed] = Maker(seed).any(4)
    return made[seed]


def judge(seed, found):
    """None where the object has come back as it should; else what is wrong."""
    before = made[seed]
    # Deep nesting is followed without a stack.
    while type(before) is type(found) is list and len(before) == len(found) == 1 and before is not found:
        before, found = before[0], found[0]
    return difference(before, found, [], "it")


def text(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def marks(value):
    """What a key is to Elixir, in so far as two keys may be one there."""
    kind = type(value)
    if kind in (bytes, memoryview):
        return text(bytes(value))
    if kind is float and math.isnan(value):
        return ("nan",)
    if kind is tuple:
        return ("tuple", *map(marks, value))
    if kind is frozenset:
        return ("set", frozenset(map(marks, value)))
    return value if kind is str else ("itself", kind.__name__, value)


def merges(keys):
    return len({marks(key) for key in keys}) < len(keys)


def difference(made, found, above, where):
    if found is made:
        # A ref, or an immutable that both sides know.
        return None
    kind = type(made)

    def wrong():
        return f"{where}: {made!r} of {kind} came back as {found!r} of {type(found)}"

    if any(made is outer for outer in above):
        return f"{wrong()}: it contains itself"
    if kind in (bytes, bytearray, memoryview):
        expected = text(bytes(made))
        return None if type(found) is type(expected) and found == expected else wrong()
    if kind is uuid.UUID:
        return None if type(found) is str and found == str(made) else wrong()
    if kind in (list, tuple):
        if type(found) is not kind or len(found) != len(made):
            return wrong()
        pairs = zip(made, found, strict=True)
        return first(difference(a, b, [*above, made], f"{where}[{at}]") for at, (a, b) in enumerate(pairs))
    if kind in (set, frozenset):
        if type(found) not in (set, frozenset) or len(found) != len(made) or merges(made):
            return wrong()
        return None if {shape(one) for one in made} == {shape(one) for one in found} else wrong()
    if kind is dict:
        if type(found) is not dict or len(found) != len(made) or merges(made):
            return wrong()
        values = {shape(key): value for key, value in found.items()}
        if values.keys() != {shape(key) for key in made}:
            return wrong()
        return first(
            difference(value, values[shape(key)], [*above, made], f"{where}[{key!r}]")
            for key, value in made.items()
        )
    if type(found) is not kind:
        return wrong()
    if kind in (float, complex):
        return None if repr(found) == repr(made) else wrong()
    if kind is datetime.datetime and made.tzinfo is not None:
        return (
            None
            if found.replace(tzinfo=None) == made.replace(tzinfo=None)
            and found.utcoffset() == made.utcoffset()
            else wrong()
        )
    return None if found == made else wrong()


def shape(key):
    """A key by which its normal forms can be compared."""
    kind = type(key)
    if kind in (bytes, memoryview):
        key = text(bytes(key))
        return (type(key).__name__, key)
    if kind is uuid.UUID:
        return ("str", str(key))
    if kind is tuple:
        return ("tuple", *map(shape, key))
    if kind in (set, frozenset):
        return ("set", frozenset(map(shape, key)))
    if kind in (float, complex):
        return (kind.__name__, repr(key))
    if kind is datetime.datetime and key.tzinfo is not None:
        return ("aware", key.replace(tzinfo=None, fold=0), key.utcoffset(), getattr(key.tzinfo, "key", None))
    if kind in (int, str, bool, range, decimal.Decimal) or getattr(kind, "__module__", None) == "datetime":
        return (kind.__name__, key)
    return ("itself", id(key))


def first(differences):
    return next((one for one in differences if one is not None), None)


def nested(depth, wrap):
    value = 0
    for _ in range(depth):
        value = wrap(value)
    return value


def cyclic():
    items = [1, {}]
    items[1]["up"] = items
    return items


def cyclic_dict():
    names = {}
    names["self"] = [names]
    return names


# By name, each made anew.
CASES = {
    **{f"subclass {at}": (lambda one=one: one) for at, one in enumerate(SUBCLASSES)},
    "cyclic list": cyclic,
    "cyclic dict": cyclic_dict,
    "shared": lambda: [[1]] * 3,
    "digits": lambda: 10**10_000,
    "digits below zero": lambda: -(10**10_000),
    "nan in containers": lambda: [math.nan, (math.nan,), {"k": math.nan}],
    "minus zero": lambda: [-0.0, {"k": -0.0}, complex(-0.0, -0.0)],
    "tuple and float keys": lambda: {(1, "a"): 1, 0.5: 2, (): 3, ((1.5,),): 4},
    "keys that merge": lambda: {"a": 1, b"a": 2},
    "keys that do not": lambda: {1: "int", 1.5: "float", "1": "str", True + 1: "two"},
    "deep lists": lambda: nested(9_990, lambda value: [value]),
    "empty": lambda: [[], (), {}, set(), frozenset(), "", b"", range(0)],
    "sets of sets": lambda: {frozenset({1}), frozenset({frozenset({2})}), (frozenset({3}),)},
    "sets as keys": lambda: {frozenset({1}): 1, (frozenset(), 2): 2},
    "released view": lambda: released(),
    "odd zones": lambda: [datetime.datetime(1900, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Amsterdam"))],
    "folds": lambda: [
        datetime.datetime(2024, 10, 27, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"), fold=fold)
        for fold in (0, 1)
    ],
}


def released():
    view = memoryview(b"x")
    view.release()
    return view


REFUSALS = {
    "too deep": (lambda: nested(10_001, lambda value: [value]), "too_deep"),
    "far too deep": (lambda: nested(100_000, lambda value: (value,)), "too_deep"),
    "too large": (lambda: 1 << 524_280 * 8, "not_convertible"),
}


def cases():
    return list(CASES)


def refusals():
    return [(name, reason) for name, (_, reason) in REFUSALS.items()]


def case(name):
    made.clear()
    made[name] = CASES[name]() if name in CASES else REFUSALS[name][0]()
    return made[name]
