"""What an expression stands for, found without running it: an object that is there, or the class that it will have.

Names are looked up in the source above the cursor and in the session, attributes and items by `descriptor`, calls by
`annotations`. With `looking`, attributes and items of objects that are known to be harmless are evaluated too.
"""

import ast
import collections.abc
import sys
import types

from snakebridge import annotations, descriptor, harmless, modules, sources, written
from snakebridge.bindings import Bindings
from snakebridge.descriptor import NOTHING, Instance

_DEEPEST = 40
_LITERALS = {
    ast.JoinedStr: str,
    ast.Lambda: types.FunctionType,
    ast.GeneratorExp: types.GeneratorType,
    ast.SetComp: set,
    ast.DictComp: dict,
}


class Unloaded:
    """A module that the source imports and that has not been: its members are read off its file."""

    def __init__(self, name):
        self.name = name


class Inference:
    """Answers for one question. `find(name)`: a name's value in the session; `foreign(value)`: whether it is one of
    Elixir's modules, whose attributes are ours."""

    def __init__(self, find, foreign, bindings=None, types_of_user=(), looking=False):
        self._find = find
        self._foreign = foreign
        self._bindings = bindings
        self._types = frozenset(types_of_user)
        self._looking = looking
        self._depth = 0
        self._classes = {}
        # The statement whose names count; None: the one that the cursor is in.
        self._before = None
        # Whether there was something that looking would tell more of.
        self.wanted = False

    def resolve(self, node):
        """The value of an expression's tree."""
        if self._depth > _DEEPEST:
            return NOTHING
        self._depth += 1
        try:
            kind = type(node)
            if kind in _LITERALS:
                return Instance(_LITERALS[kind])
            method = getattr(self, f"_{kind.__name__.lower()}", None)
            return NOTHING if method is None else method(node)
        except RecursionError:
            return NOTHING
        finally:
            self._depth -= 1

    # --- names ---

    def _name(self, node):
        bound = self._bindings and self._bindings.of(node.id, self._before)
        if bound is not None:
            kept, self._before = self._before, bound.at
            try:
                value = self._bound(bound)
            finally:
                self._before = kept
            if value is not NOTHING:
                return value
        return self._find(node.id)

    def _bound(self, bound):
        if bound.how == "module":
            return sys.modules.get(bound.name) or Unloaded(bound.name)
        if bound.how == "member":
            return self._imported(*bound.name.split(":"))
        if bound.how == "function":
            return _Written(bound.node)
        if bound.how in ("class", "self"):
            return self._written(bound)
        if bound.how == "annotation":
            return annotations.meaning(bound.node, _Names(self))
        value = self.resolve(bound.node)
        if bound.how == "exception":
            return Instance(value) if descriptor.is_instance(value, type) else NOTHING
        if bound.how == "each":
            value = self.each(value, bound.node)
        elif bound.how == "enter":
            value = self._entered(value)
        for place in bound.path:
            value = self.item(value, place)
        return value

    def _written(self, bound):
        """A class of the source, or an object of it."""
        tree = bound.node
        key = (tree.name, ast.unparse(tree))
        if key not in self._classes:
            # One that speaks of itself is not known yet.
            self._classes[key] = NOTHING
            self._classes[key] = (
                written.build(tree, self.resolve) if isinstance(tree, ast.ClassDef) else NOTHING
            )
        found = self._classes[key]
        return Instance(found) if bound.how == "self" and found is not NOTHING else found

    def _imported(self, module, name):
        loaded = sys.modules.get(module)
        value = NOTHING if loaded is None else descriptor.attribute(loaded, name)
        if value is NOTHING and name in modules.submodules(module):
            return Unloaded(f"{module}.{name}")
        return value

    def _entered(self, value):
        function, _ = descriptor.class_attribute(descriptor.class_of(value), "__enter__")
        if value is NOTHING or function is NOTHING:
            # What `contextlib.contextmanager` makes of a generator gives what that yields.
            return self.each(value)
        found = annotations.result(function, value)
        return value if found is NOTHING else found

    def each(self, value, node=None):
        """What going through a value gives."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            inner = [self.each(self.resolve(argument)) for argument in node.args]
            if node.func.id == "enumerate":
                return Instance(tuple, (Instance(int), inner[0]))
            if node.func.id == "zip":
                return Instance(tuple, tuple(inner))
            if node.func.id in ("reversed", "sorted", "list", "iter"):
                return inner[0]
        cls = descriptor.class_of(value)
        if type(value) is Instance:
            if cls in (str, bytes):
                return Instance(str if cls is str else int)
            if cls is dict and value.pairs:
                return Instance(type(next(iter(value.pairs))))
            if cls is range:
                return Instance(int)
            return value.parts[0] if value.parts else NOTHING
        if cls is dict:
            return next(iter(list(value)), NOTHING)
        if cls is range:
            return Instance(int)
        return self.item(value, 0)

    # --- what is written out ---

    def _constant(self, node):
        return NOTHING if node.value is None else node.value

    def _list(self, node):
        return Instance(list, tuple(self.resolve(part) for part in node.elts[:1]))

    def _set(self, node):
        return Instance(set, tuple(self.resolve(part) for part in node.elts[:1]))

    def _tuple(self, node):
        return Instance(tuple, tuple(self.resolve(part) for part in node.elts[:20]))

    def _dict(self, node):
        pairs = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant):
                pairs[key.value] = self.resolve(value)
        return Instance(dict, pairs=pairs)

    def _listcomp(self, node):
        return Instance(list)

    def _namedexpr(self, node):
        return self.resolve(node.value)

    def _ifexp(self, node):
        found = self.resolve(node.body)
        return self.resolve(node.orelse) if found is NOTHING else found

    def _boolop(self, node):
        return next((v for v in map(self.resolve, node.values) if v is not NOTHING), NOTHING)

    def _unaryop(self, node):
        if isinstance(node.op, ast.Not):
            return Instance(bool)
        value = self.resolve(node.operand)
        return NOTHING if value is NOTHING else Instance(descriptor.class_of(value))

    def _binop(self, node):
        return self._operated(self.resolve(node.left), self.resolve(node.right))

    def _compare(self, node):
        left, right = self.resolve(node.left), self.resolve(node.comparators[0])
        found = self._operated(left, right)
        return found if found is not NOTHING and self._is_array(found) else Instance(bool)

    def _operated(self, left, right):
        """What an operator gives: what is like its operands, or the array among them."""
        for value in (left, right):
            if self._is_array(value):
                return Instance(descriptor.class_of(value))
        classes = {descriptor.class_of(v) for v in (left, right) if v is not NOTHING}
        if classes <= {int, float, complex, bool} and classes:
            return Instance(next(cls for cls in (complex, float, int, bool) if cls in classes))
        return Instance(classes.pop()) if classes in ({str}, {list}, {tuple}, {set}, {bytes}) else NOTHING

    def _is_array(self, value):
        name = descriptor.class_name(descriptor.class_of(value))
        return name.partition(".")[0] in harmless.LIBRARIES and name.rpartition(".")[2] in _ARRAYS

    # --- attributes, items, calls ---

    def _attribute(self, node):
        value = self.resolve(node.value)
        return NOTHING if value is NOTHING else self.attribute(value, node.attr)

    def attribute(self, value, name):
        """What an attribute of a value is."""
        if type(value) is Unloaded:
            return Unloaded(f"{value.name}.{name}") if name in modules.submodules(value.name) else NOTHING
        if self._foreign(value):
            # Ours, not the user's: it makes a path of names and asks nobody.
            try:
                return getattr(value, name)
            except Exception:
                return NOTHING
        found = descriptor.attribute(value, name)
        if found is not NOTHING:
            return found
        found = self._described(value, name)
        more = found is NOTHING or name in harmless.CHEAP
        if more and type(value) is not Instance and harmless.is_harmless(value, self._types):
            self.wanted = True
            if self._looking:
                evaluated = harmless.attribute(value, name, self._types)
                return found if evaluated is NOTHING else evaluated
        return found

    def _described(self, value, name):
        """What is said of an attribute that only running code would give."""
        is_class = descriptor.is_instance(value, type)
        cls = value if is_class else descriptor.class_of(value)
        own, owner = descriptor.class_attribute(cls, name)
        if own is NOTHING:
            for owner in () if is_class else descriptor.mro(cls):
                annotation = descriptor.annotations(owner).get(name, NOTHING)
                if annotation is not NOTHING:
                    return annotations.of_field(annotation, owner, value)
            return NOTHING
        accessor = descriptor.instance_dict(own).get("_accessor")
        if descriptor.is_instance(accessor, type):
            return Instance(accessor)
        return NOTHING if is_class else annotations.of_property(own, value)

    def _subscript(self, node):
        value = self.resolve(node.value)
        if value is NOTHING:
            return NOTHING
        try:
            key = _key(node.slice)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            key = NOTHING
        if key is NOTHING:
            # A mask, or a selection: what is like the whole.
            mask = self.resolve(node.slice)
            if self._is_array(value) and (self._is_array(mask) or descriptor.class_of(mask) in (list, slice)):
                return Instance(descriptor.class_of(value))
            return self.item(Instance(descriptor.class_of(value), getattr(value, "parts", ())), 0)
        return self.item(value, key)

    def item(self, value, key):
        """What an item of a value is."""
        if value is NOTHING:
            return NOTHING
        found = self._item_of_instance(value, key) if type(value) is Instance else descriptor.item(value, key)
        if found is not NOTHING:
            return found
        if type(value) is not Instance and harmless.is_harmless(value, self._types):
            self.wanted = True
            if self._looking:
                return harmless.item(value, key, self._types)
        if self._is_array(value):
            return self._part_of_array(value, key)
        function, _ = descriptor.class_attribute(descriptor.class_of(value), "__getitem__")
        return NOTHING if function is NOTHING else annotations.result(function, value)

    def _item_of_instance(self, value, key):
        if value.pairs is not None:
            return value.pairs.get(key, NOTHING) if type(key) in (str, int) else NOTHING
        if type(key) is slice:
            return Instance(value.cls, value.parts)
        if value.cls is str:
            return Instance(str)
        if not value.parts:
            return NOTHING
        if value.cls is tuple:
            return (
                value.parts[key]
                if type(key) is int and -len(value.parts) <= key < len(value.parts)
                else NOTHING
            )
        is_mapping = descriptor.is_instance(value, dict) or len(value.parts) == 2
        return value.parts[-1] if is_mapping else value.parts[0]

    def _part_of_array(self, value, key):
        cls = descriptor.class_of(value)
        if type(key) in (list, slice):
            return Instance(cls)
        module = sys.modules.get(descriptor.CLASS_MODULE.__get__(cls).partition(".")[0])
        series = descriptor.instance_dict(module).get("Series", NOTHING) if module is not None else NOTHING
        if descriptor.CLASS_QUALNAME.__get__(cls) == "DataFrame" and descriptor.is_instance(series, type):
            return Instance(series)
        return NOTHING

    def _call(self, node):
        function = self.resolve(node.func)
        receiver = self.resolve(node.func.value) if isinstance(node.func, ast.Attribute) else NOTHING
        return self.called(function, receiver)

    def called(self, function, receiver=NOTHING):
        """What a call gives. `receiver`: what the function is a method of."""
        if function is NOTHING or type(function) is Unloaded:
            return NOTHING
        if type(function) is _Written:
            found = annotations.meaning(function.node.returns, _Names(self))
            is_async = isinstance(function.node, ast.AsyncFunctionDef)
            return Instance(types.CoroutineType, (found,)) if is_async else found
        if descriptor.is_instance(function, type):
            return NOTHING if function in (type, super) else Instance(function)
        return annotations.result(function, receiver)

    def walk(self, value, steps):
        """What steps lead to from a value on, and whether its first parameter is taken; NOTHING where they lead nowhere."""
        owner, bound = NOTHING, False
        for what, *key in steps:
            before, bound = value, False
            if what == "attr":
                value = self.attribute(value, key[0])
                bound = type(before) is not Unloaded and descriptor.takes_itself(before, key[0])
            elif what == "item":
                value = self.item(value, key[0])
            elif what == "import":
                value = sys.modules.get(key[0]) or Unloaded(key[0])
            else:
                value = self.called(value, owner)
            if value is NOTHING:
                return NOTHING
            owner = before if what == "attr" else NOTHING
        return value, bound

    def _await(self, node):
        value = self.resolve(node.value)
        if type(value) is Instance and value.cls in (types.CoroutineType, collections.abc.Awaitable):
            return value.parts[-1] if value.parts else NOTHING
        return NOTHING


class Lookup:
    """The expressions of one source up to the cursor. Where looking would tell more, it is done by a looker."""

    def __init__(self, find, foreign, looker, text="", tokens=(), types_of_user=()):
        bindings = Bindings(text, list(tokens))
        self._text = text
        self._looker = looker
        self._make = lambda looking: Inference(find, foreign, bindings, types_of_user, looking)
        self._static = self._make(False)
        self._known = []

    def before(self, tokens, end):
        """The tree of the expression that ends just before a token, or None."""
        start = sources.expression_before(tokens, end)
        return (
            None if start is None else sources.parsed(self._text[tokens[start].start : tokens[end - 1].end])
        )

    def value(self, tree):
        """What an expression stands for."""
        return NOTHING if tree is None else self.looked(tree, lambda inference: inference.resolve(tree))

    def looked(self, key, find):
        """What a function finds by means of an inference; asked once for each key."""
        for known, value in self._known:
            if known is key:
                return value
        self._static.wanted = False
        value = find(self._static)
        if self._static.wanted:
            found = self._looker.look(lambda: find(self._make(True)))
            value = value if found is NOTHING else found
        self._known.append((key, value))
        return value

    def is_bound(self, tree):
        """Whether an expression is a method of an object, whose first parameter is taken."""
        if not isinstance(tree, ast.Attribute):
            return False
        owner = self.value(tree.value)
        return (
            owner is not NOTHING and type(owner) is not Unloaded and descriptor.takes_itself(owner, tree.attr)
        )


class _Written:
    """A function that the source defines."""

    def __init__(self, node):
        self.node = node


class _Names:
    """Names as an annotation in the source finds them."""

    def __init__(self, inference):
        self._inference = inference

    def __getitem__(self, name):
        return self._inference.resolve(ast.Name(name))


_ARRAYS = {"ndarray", "DataFrame", "Series", "Index", "RangeIndex", "LazyFrame", "Expr"}


def _key(node):
    """The value of a literal between brackets; NOTHING for what is none."""
    if isinstance(node, ast.Slice):
        parts = [
            None if part is None else ast.literal_eval(part) for part in (node.lower, node.upper, node.step)
        ]
        return slice(*parts)
    if isinstance(node, ast.Tuple):
        return tuple(_key(part) for part in node.elts)
    return ast.literal_eval(node)
