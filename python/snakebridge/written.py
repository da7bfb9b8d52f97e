"""Classes that a source defines, built anew of what it says there, so that they can be looked into before it has run.

Nothing of the user's runs: methods are empty, with the signatures and docstrings that they will have; decorators other
than Python's own are left out; bases are not inherited from, which they could notice, but their attributes are taken.
"""

import ast
import builtins

from snakebridge import descriptor
from snakebridge.descriptor import NOTHING

_DECORATORS = {"property", "classmethod", "staticmethod"}
_BUILTINS = {name: getattr(builtins, name) for name in (*_DECORATORS, "__build_class__")}


def build(tree, resolve):
    """The class that an `ast.ClassDef` will be, or NOTHING. `resolve` gives the values of expressions above it."""
    bases = [resolve(base) for base in tree.bases]
    body = [found for found in map(_member, tree.body) if found is not None]
    names = {
        node.id: resolve(node)
        for annotation in _annotations(tree)
        for node in ast.walk(annotation)
        if isinstance(node, ast.Name) and node.id != tree.name
    }
    known = {name: value for name, value in names.items() if value is not NOTHING}
    around = known | {"__builtins__": _BUILTINS, "__name__": "__main__"}
    empty = ast.ClassDef(
        name=tree.name, bases=[], keywords=[], body=body or [ast.Pass()], decorator_list=[], type_params=[]
    )
    module = ast.fix_missing_locations(ast.Module([empty], []))
    try:
        exec(compile(module, "<being written>", "exec", dont_inherit=True), around)
        found = around[tree.name]
        for base in bases:
            _take(found, base)
    except Exception:
        return NOTHING
    # Its annotations may name what the source defines.
    around["__builtins__"] = builtins
    return found


def _take(cls, base):
    """Gives a class the attributes of another that it has not itself, `object`'s and their makers' aside."""
    if not descriptor.is_instance(base, type):
        return
    for owner in descriptor.mro(base):
        if owner is object:
            continue
        for name, value in descriptor.class_dict(owner).items():
            if name not in cls.__dict__ and (name == "__init__" or not name.startswith("__")):
                setattr(cls, name, value)


def _annotations(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns is not None:
            yield node.returns
        elif isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
            yield node.annotation


def _member(node):
    """A statement of a class's body that runs nothing, or None."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return _function(node)
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return ast.AnnAssign(node.target, _text(node.annotation), None, 1)
    if isinstance(node, ast.Assign):
        targets = [target for target in node.targets if isinstance(target, ast.Name)]
        return ast.Assign(targets, _constant(node.value)) if targets else None
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return node
    return None


def _function(node):
    decorators = [name for name in map(_decorator, node.decorator_list) if name]
    # `name.setter` gives the name another meaning.
    if any(isinstance(d, ast.Attribute) and d.attr in ("setter", "deleter") for d in node.decorator_list):
        return None
    arguments = node.args
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg) and argument.annotation is not None:
            argument.annotation = _text(argument.annotation)
    arguments.defaults = [_constant(default) for default in arguments.defaults]
    arguments.kw_defaults = [None if d is None else _constant(d) for d in arguments.kw_defaults]
    text = ast.get_docstring(node, clean=False)
    body = [] if text is None else [ast.Expr(ast.Constant(text))]
    if node.name == "__init__":
        # What it sets is what objects have.
        body += [
            ast.Assign([ast.Attribute(ast.Name("self", ast.Load()), name, ast.Store())], ast.Constant(None))
            for name in _set_by(node)
        ]
    kind = type(node)
    return kind(
        name=node.name,
        args=arguments,
        body=body or [ast.Pass()],
        decorator_list=[ast.Name(name, ast.Load()) for name in decorators],
        returns=None if node.returns is None else _text(node.returns),
        type_params=[],
    )


def _decorator(node):
    if isinstance(node, ast.Name) and node.id in _DECORATORS:
        return node.id
    return "property" if ast.unparse(node).endswith("cached_property") else None


def _set_by(init):
    """The attributes that a function gives its first parameter."""
    places = [*init.args.posonlyargs, *init.args.args]
    if not places:
        return []
    return dict.fromkeys(
        node.attr
        for node in ast.walk(init)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == places[0].arg
    )


def _text(annotation):
    if isinstance(annotation, ast.Constant) and type(annotation.value) is str:
        return annotation
    return ast.Constant(ast.unparse(annotation))


def _constant(node):
    return node if isinstance(node, ast.Constant) else ast.Constant(...)
