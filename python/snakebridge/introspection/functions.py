"""Functions as descriptors: parameters, types, where the signature was had from, what the documentation says."""

import ast
import functools
import inspect
import re
import types
import typing

from snakebridge import descriptor, docstrings, signatures
from snakebridge.descriptor import NOTHING
from snakebridge.introspection import stubs, trees, values
from snakebridge.introspection.prose import Prose
from snakebridge.introspection.prose import signatures as prose_signatures
from snakebridge.introspection.stubs import Stubs

_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional_only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional_or_keyword",
    inspect.Parameter.VAR_POSITIONAL: "var_positional",
    inspect.Parameter.KEYWORD_ONLY: "keyword_only",
    inspect.Parameter.VAR_KEYWORD: "var_keyword",
}
_FUNCTION_TYPES = (
    *descriptor.FUNCTIONS,
    types.MethodType,
    functools.partial,
    type(functools.lru_cache(lambda: None)),
)
_ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_GENERATOR = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def is_function(value):
    """Whether a value is a function, and no object that can merely be called."""
    return type(value) in _FUNCTION_TYPES or is_cython(value)


def is_cython(value):
    """Whether a value is a function that Cython made."""
    return descriptor.CLASS_QUALNAME.__get__(type(value)).endswith("cython_function_or_method")


def is_callable(value):
    """Whether a value is an object with `__call__`, and no type of `typing`."""
    if type(value) is types.GenericAlias or descriptor.CLASS_MODULE.__get__(type(value)) in (
        "typing",
        "typing_extensions",
        "types",
    ):
        return False
    return descriptor.class_attribute(type(value), "__call__")[0] not in (NOTHING, None)


class Functions:
    """Makes the descriptors of functions. `publicly`: a class's name for users."""

    def __init__(self, publicly):
        self._publicly = publicly
        self._docs = {}
        self._stubs = Stubs()

    def describe(self, value, name, path, kind, *, origins=(), bound=False, own=None):
        """The descriptor of a function.

        `origins`: where a stub may have it, as (module, path). `bound`: its first parameter is given by the call.
        `own`: the name of the class around it.
        """
        inner, _ = signatures.function_of(value)
        doc = self.doc(value)
        code = inner.__code__ if type(inner) is types.FunctionType else None
        source, parameters, returns = self._of_code(value, inner, bound, own)
        overloads = self._overloads(inner, bound, own)
        nodes = self._nodes(origins)
        if nodes:
            said = [self._of_stub(node, file, bound, own) for node, file in nodes]
            if source == "unknown" or _says_nothing(parameters):
                source = "stub"
                parameters, returns = merged(said)
            else:
                parameters, returns = typed(parameters, returns, said)
            overloads = overloads or (said if len(said) > 1 else [])
        prose = Prose(origins[0][0] if origins else "", self._publicly)
        if source == "unknown":
            said = self._of_documentation(doc, value, name, prose)
            if said:
                source = "docstring"
                parameters, returns = merged(said)
                overloads = said if len(said) > 1 else []
        if doc:
            parameters, returns = _with_documented_types(parameters, returns, doc, prose)
        flags = code.co_flags if code else 0
        is_async = bool(flags & _ASYNC) or any(isinstance(node, ast.AsyncFunctionDef) for node, _ in nodes)
        return {
            "name": values.clean(name),
            "path": values.clean(path),
            "kind": kind,
            "signature": source,
            "parameters": parameters,
            "returns": returns,
            "async": is_async,
            "generator": bool(flags & _GENERATOR),
            "overloads": [{"parameters": p, "returns": r} for p, r in overloads],
            "deprecated": deprecation(value, doc) or _deprecated_stub(nodes),
            "doc": doc,
        }

    def reader(self, inner, own=None):
        """What reads the annotations of a function."""
        names = inner.__globals__ if type(inner) is types.FunctionType else {}
        return trees.Reader(names, self._publicly, own)

    def doc(self, value):
        """What the documentation of an object says, or None."""
        return self.doc_of(descriptor.documentation(value))

    def doc_of(self, text):
        """What a documentation says, or None where there is none."""
        if not text.strip():
            return None
        found = self._docs.get(text)
        if found is None:
            found = self._docs[text] = docstrings.parsed(values.clean(text))
        return found

    # --- each of the sources: (parameters, returns) ---

    def _of_code(self, value, inner, bound, own):
        is_readable = inner is not None or is_cython(value) or descriptor.is_instance(value, type)
        found = self._signature(value, bound) if is_readable else None
        if found is None:
            return "unknown", variadic(), trees.unknown()
        is_python = type(inner) is types.FunctionType
        parameters, returns = self._of_signature(found, self.reader(inner, own))
        return ("known" if is_python else "text"), parameters, returns

    def _signature(self, value, bound):
        if not is_cython(value):
            return signatures.signature(value, bound)
        try:
            found = inspect.signature(value)
        except (ValueError, TypeError):
            return None
        parameters = list(found.parameters.values())
        return found.replace(parameters=parameters[1:] if bound else parameters)

    def _of_signature(self, found, reader):
        parameters = []
        for one in found.parameters.values():
            has_default = one.default is not inspect.Parameter.empty
            default = values.literal(one.default) if has_default else None
            parameters.append(
                parameter(one.name, _KINDS[one.kind], annotation(one.annotation, reader), default)
            )
        return parameters, annotation(found.return_annotation, reader)

    def _overloads(self, inner, bound, own):
        """Those that `typing.overload` has noted, since Python 3.11."""
        if type(inner) is not types.FunctionType or not hasattr(typing, "get_overloads"):
            return []
        found = []
        try:
            noted = list(typing.get_overloads(inner))
        except Exception:
            # Names that are no texts.
            return []
        for one in noted[: stubs.MOST_OVERLOADS]:
            signature = self._signature(one, bound) if type(one) is types.FunctionType else None
            if signature is not None:
                found.append(self._of_signature(signature, self.reader(one, own)))
        return found

    def _nodes(self, origins):
        for module, path in origins:
            found = self._stubs.functions(module, path)
            if found:
                return found
        return []

    def _of_stub(self, node, file, bound, own):
        reader = trees.Reader(file, self._publicly, own, confidence="medium")
        static = any(
            trees.dotted(d) in ("staticmethod", "builtins.staticmethod") for d in node.decorator_list
        )
        parameters = [
            parameter(name, kind, reader.read(said) if said is not None else trees.unknown(), default)
            for name, kind, said, default in stubs.parameters(node, bound and not static)
        ]
        return parameters, reader.read(node.returns) if node.returns is not None else trees.unknown()

    def _of_documentation(self, doc, value, name, prose):
        if not doc:
            return []
        real = getattr(value, "__name__", name) if is_function(value) else name
        found = prose_signatures(doc["text"], real) or (
            prose_signatures(doc["text"], name) if name != real else []
        )
        said = []
        for parameters, result in found:
            listed = [
                parameter(n, kind, trees.unknown(), default, required)
                for n, kind, required, default in parameters
            ]
            said.append((listed, prose.read(result)))
        return said


def merged(said):
    """Overloads as one: what all of them require, of all types that any of them takes."""
    if len(said) == 1:
        return said[0]
    longest = max(said, key=lambda one: (any(p["kind"] == "var_positional" for p in one[0]), len(one[0])))[0]
    positional = [[p for p in parameters if p["kind"] in _POSITIONAL] for parameters, _ in said]
    least = min(sum(p["required"] for p in listed) for listed in positional)
    # Of the same place, but of another name: known by its place alone.
    names = [{p["name"]: p for p in parameters} for parameters, _ in said]
    found, place = [], 0
    for one in longest:
        same = [listed[one["name"]] for listed in names if one["name"] in listed]
        required = one["required"]
        kind = one["kind"]
        if kind in _POSITIONAL:
            required = required and place < least
            place += 1
            if len(same) < len(said) and required:
                kind = "positional_only"
        elif kind == "keyword_only":
            required = len(same) == len(said) and all(p["required"] for p in same)
        found.append({**one, "kind": kind, "required": required, "type": _either([p["type"] for p in same])})
    for i in reversed(range(len(found))):
        # What stands before a positional-only one is that, too.
        if found[i]["kind"] == "positional_only":
            for before in found[:i]:
                before["kind"] = "positional_only"
            break
    return found, _either([returns for _, returns in said])


_POSITIONAL = ("positional_only", "positional_or_keyword")
_MOST_ALTERNATIVES = 8


def _either(found):
    """The union of types, unless it says too little or too much."""
    if any(tree["kind"] == "unknown" for tree in found):
        return trees.unknown()
    tree = trees.union(found, "medium")
    if len(tree.get("of", ())) > _MOST_ALTERNATIVES:
        # `ndarray[A]`, `ndarray[B]` and so on.
        tree = trees.union([{k: v for k, v in part.items() if k != "of"} for part in tree["of"]], "medium")
    return tree if len(tree.get("of", ())) <= _MOST_ALTERNATIVES else trees.unknown()


def typed(parameters, returns, said):
    """A signature of the code's own with the types that a stub has for what has none."""
    names = [{p["name"]: p for p in listed} for listed, _ in said]
    found = []
    for one in parameters:
        same = [listed[one["name"]]["type"] for listed in names if one["name"] in listed]
        found.append({**one, "type": _either(same)} if same and one["type"]["kind"] == "unknown" else one)
    if returns["kind"] == "unknown":
        returns = _either([result for _, result in said])
    return found, returns


def _with_documented_types(parameters, returns, doc, prose):
    said = {entry["name"]: entry["type"] for entry in doc["parameters"] if entry["type"]}
    if said and any(one["type"]["kind"] == "unknown" for one in parameters):
        parameters = [
            {**one, "type": prose.read(said[one["name"]])}
            if one["type"]["kind"] == "unknown" and one["name"] in said
            else one
            for one in parameters
        ]
    entries = doc["returns"]
    if returns["kind"] == "unknown" and entries and all(_is_always(entry) for entry in entries):
        parts = [prose.read(entry["type"]) for entry in entries]
        # Several are the parts of a tuple.
        returns = parts[0] if len(parts) == 1 else trees.plain("tuple", "low", parts)
    return parameters, returns


def _is_always(entry):
    """Whether what documentation lists under `Returns` is there in each case."""
    return bool(entry["type"]) and not re.search(
        r"\boptional\b|\bonly\b.*\bif\b", entry["type"] + entry["text"]
    )


def _says_nothing(parameters):
    """Whether a signature is that of a decorator."""
    return [p["kind"] for p in parameters] == ["var_positional", "var_keyword"]


def _deprecated_stub(nodes):
    said = [stubs.deprecated(node) for node, _ in nodes]
    return said[0] if said and all(said) else None


def parameter(name, kind, tree, default=None, required=None):
    """The descriptor of a parameter."""
    if required is None:
        required = default is None and kind not in ("var_positional", "var_keyword")
    return {"name": values.clean(name), "kind": kind, "required": required, "default": default, "type": tree}


def variadic():
    """The parameters of what may take anything."""
    return [
        parameter("args", "var_positional", trees.unknown()),
        parameter("kwargs", "var_keyword", trees.unknown()),
    ]


def annotation(found, reader):
    """The type that an annotation of a signature says."""
    return trees.unknown() if found is inspect.Parameter.empty else reader.read(found)


_DEPRECATED = re.compile(r"^\.\. deprecated::?[ \t]*([^\n]*(?:\n(?:[ \t]*\n)?[ \t]+\S[^\n]*)*)", re.M)
# Of a way to call the function, not of the function.
_A_WAY = re.compile(r"(?:[\d.]+ )?(?:(?:Passing|Giving)\b|(?:Using|Calling)\b[^.]*? with )")
_DEPRECATED_WORD = re.compile(r"(?:DEPRECATED\b|\[?Deprecated\b)[:\]. ]*([^\n]*(?:\n(?!\s*\n)[^\n]+)*)")
_UNDERLINED = re.compile(r"^[-=]{3,}[ \t]*$", re.M)


def deprecation(value, doc):
    """Why something should not be used any more, or None: `__deprecated__`, else what the documentation says."""
    said = descriptor.instance_dict(value).get("__deprecated__")
    if type(said) is str:
        return values.clean(said)
    text = doc["text"] if doc else ""
    # Further down it is about a parameter.
    sections = _UNDERLINED.search(text)
    found = _DEPRECATED.search(text[: sections.start()] if sections else text) or _DEPRECATED_WORD.match(text)
    if found is None:
        return None
    reason = " ".join(found[1].split())
    return None if _A_WAY.match(reason) else reason[:_LONGEST_REASON] or "deprecated"


_LONGEST_REASON = 500


def of_property(found):
    """The function behind a property, where Python has it."""
    function = found.fget if type(found) is property else descriptor.instance_dict(found).get("func", NOTHING)
    return function if type(function) is types.FunctionType else NOTHING
