"""Rewrite one Python source: its imports, the names that they bind, and the modules that its text mentions."""

# ruff: noqa: N802, the names of the methods are those that libcst calls
from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import libcst as cst
from bindings import Bindings, ImportTargets, dotted, find_bindings, is_dotted, qualified
from libcst.metadata import MetadataWrapper, ScopeProvider
from module_index import ModuleIndex, identifiers, package_of
from repository import module_name

_SETTERS: Final = ("setattr", "delattr", "getattr", "hasattr", "object", "spy")
"""Functions whose second argument names an attribute of the first, as those of monkeypatch and mock do."""
_WORD: Final = re.compile(r"[^\W\d]\w*")
_Line = cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine] | cst.RemovalSentinel


class Rewritten(NamedTuple):
    """A file after the change."""

    source: str
    notes: list[str]


def rewrite(path: str, new_path: str, source: str, index: ModuleIndex) -> Rewritten:
    """Return the source of a file with every name and path that changes.

    Args:
        path: the path of the file before the change.
        new_path: its path after the change.
        source: its content.
        index: what changes.
    """
    has_relative_imports = path != new_path and re.search(r"from\s+\.", source) is not None
    if not index.relevant.search(source) and not has_relative_imports:
        return Rewritten(source, [])
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    scopes = wrapper.resolve(ScopeProvider).values()
    targets = ImportTargets(index, package_of(path))
    taken = identifiers(ast.parse(source))
    bindings = find_bindings(scopes, targets, index, module_name(path), taken)
    transformer = _Rewriter(bindings, targets, index, package_of(new_path))
    changed = wrapper.module.visit(transformer)
    notes = [f"{new_path}: {note}" for note in [*bindings.notes, *transformer.notes]]
    return Rewritten(changed.code, notes)


class _Rewriter(cst.CSTTransformer):
    """Applies the changes; nodes are recognized by identity, so the tree must be the one that was resolved."""

    def __init__(
        self, bindings: Bindings, targets: ImportTargets, index: ModuleIndex, new_package: str
    ) -> None:
        super().__init__()
        self.notes: list[str] = []
        self._bindings: Final = bindings
        self._targets: Final = targets
        self._index: Final = index
        self._new_targets: Final = ImportTargets(index, new_package)
        self._strings: Final[dict[int, str]] = {}
        self._docstrings: Final[set[int]] = set()
        self._globals: Final[set[int]] = set()

    def visit_Expr(self, node: cst.Expr) -> None:
        self._docstrings.add(id(node.value))

    def visit_Global(self, node: cst.Global) -> None:
        self._globals.update(id(item.name) for item in node.names)

    def visit_Assign(self, node: cst.Assign) -> None:
        self._rename_exports([one.target for one in node.targets], node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._rename_exports([node.target], node.value)

    def _rename_exports(self, names: Sequence[cst.CSTNode], value: cst.CSTNode | None) -> None:
        is_all = any(isinstance(name, cst.Name) and name.value == "__all__" for name in names)
        if is_all and isinstance(value, (cst.List, cst.Tuple)):
            for element in value.elements:
                self._rename_string(element.value, self._bindings.words)

    def visit_Call(self, node: cst.Call) -> None:
        function = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
        if len(node.args) < 2 or not isinstance(function, cst.Name) or function.value not in _SETTERS:
            return
        module = qualified(node.args[0].value, self._bindings.modules)
        if module is not None:
            names = {old: new for (owner, old), new in self._index.names.items() if owner == module}
            self._rename_string(node.args[1].value, names)

    def _rename_string(self, node: cst.CSTNode, names: dict[str, str]) -> None:
        if isinstance(node, cst.SimpleString) and node.raw_value in names:
            self._strings[id(node)] = f"{node.prefix}{node.quote}{names[node.raw_value]}{node.quote}"

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        new = self._bindings.renamed.get(id(original_node))
        if new is None and id(original_node) in self._globals:
            new = self._bindings.words.get(original_node.value)
        return updated_node if new is None else updated_node.with_changes(value=new)

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        name = qualified(original_node, self._bindings.modules)
        if name is None:
            return updated_node
        if name in self._index.modules:
            return self._module_attribute(name, original_node, updated_node)
        new = self._index.rename_name(name.rpartition(".")[0], original_node.attr.value)
        return updated_node.with_changes(attr=updated_node.attr.with_changes(value=new))

    def _module_attribute(
        self, name: str, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        """Return the new expression of a module that is an attribute of a package."""
        new = self._index.moves.module(name)
        root: cst.BaseExpression = original_node
        while isinstance(root, cst.Attribute):
            root = root.value
        if (
            "." not in self._bindings.modules[id(root)]
        ):  # `import backend.hot`: the expression is the whole name
            return cst.parse_expression(new) if new != name else updated_node
        parent = self._index.moves.module(name.rpartition(".")[0])
        if new.rpartition(".")[0] != parent:
            self.notes.append(f"{dotted(original_node)} is {new} now, and no attribute of {parent}")
            return updated_node
        return updated_node.with_changes(attr=updated_node.attr.with_changes(value=new.rpartition(".")[2]))

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.BaseExpression:
        if id(original_node) in self._strings:
            return updated_node.with_changes(value=self._strings[id(original_node)])
        value = self._index.moves.text(updated_node.value, self._index.rename_name)
        if id(original_node) in self._docstrings:
            value = self._mentions(value)
        elif original_node.raw_value in self._bindings.words:
            self.notes.append(f"the string {original_node.value} may mean a renamed name")
        return updated_node.with_changes(value=value)

    def leave_FormattedStringText(
        self, original_node: cst.FormattedStringText, updated_node: cst.FormattedStringText
    ) -> cst.BaseFormattedStringContent:
        return updated_node.with_changes(
            value=self._index.moves.text(updated_node.value, self._index.rename_name)
        )

    def leave_Comment(self, original_node: cst.Comment, updated_node: cst.Comment) -> cst.Comment:
        text = self._index.moves.text(updated_node.value, self._index.rename_name)
        return updated_node.with_changes(value=self._mentions(text))

    def _mentions(self, text: str) -> str:
        """Return a docstring or comment with the names of this file; a word such as `load` stays."""
        names = self._bindings.words

        def renamed(found: re.Match[str]) -> str:
            word = found.group()
            return names.get(word, word) if "_" in word or word != word.lower() else word

        return _WORD.sub(renamed, text)

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import:
        aliases = [
            alias.with_changes(name=_node_of(self._index.moves.module(dotted(alias.name))))
            for alias in original_node.names
        ]
        return updated_node.with_changes(names=aliases)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> _Line:
        lines: list[cst.SimpleStatementLine] = []
        rest: list[cst.BaseSmallStatement] = []
        for before, after in zip(original_node.body, updated_node.body, strict=True):
            parts = self._split(before) if isinstance(before, cst.ImportFrom) else None
            if parts is None:
                rest.append(after)
            else:
                lines += [cst.SimpleStatementLine([part]) for part in parts]
        if not lines:
            return updated_node
        lines += [cst.SimpleStatementLine(rest)] if rest else []
        lines[0] = lines[0].with_changes(
            leading_lines=updated_node.leading_lines, trailing_whitespace=updated_node.trailing_whitespace
        )
        return cst.FlattenSentinel(lines)

    def _split(self, statement: cst.ImportFrom) -> list[cst.ImportFrom] | None:
        """Return the statements that replace `from x import a, b`; None when it stays as it is."""
        if statement.module is not None and not is_dotted(statement.module):
            return None
        old = self._targets.module_of(statement)
        if isinstance(statement.names, cst.ImportStar):
            if old == self._index.moves.module(old) == self._new_targets.module_of(statement):
                return None
            return [_from(statement, self._index.moves.module(old), cst.ImportStar())]
        groups: dict[str, list[cst.ImportAlias]] = {}
        is_changed = False
        for alias in statement.names:
            module, name = self._targets.new_target(old, alias.evaluated_name)
            groups.setdefault(module, []).append(self._alias(alias, name))
            is_changed |= name != alias.evaluated_name
        if not is_changed and list(groups) == [self._new_targets.module_of(statement)]:
            return None
        if len(groups) == 1:
            # The names stay where they are, with the comments between them.
            names: Sequence[cst.ImportAlias] = [
                new.with_changes(comma=alias.comma)
                for new, alias in zip(next(iter(groups.values())), statement.names, strict=True)
            ]
            return [_from(statement, next(iter(groups)), names)]
        return [cst.ImportFrom(module=_node_of(module), names=names) for module, names in groups.items()]

    def _alias(self, alias: cst.ImportAlias, name: str) -> cst.ImportAlias:
        old = alias.evaluated_alias or alias.evaluated_name
        bound = self._bindings.local_names.get(id(alias), old)
        # `import a as a` exports `a` again, so it stays.
        is_export = alias.asname is not None and alias.evaluated_alias == alias.evaluated_name
        asname = None if bound == name and not is_export else cst.AsName(name=cst.Name(bound))
        return alias.with_changes(name=cst.Name(name), asname=asname, comma=cst.MaybeSentinel.DEFAULT)


def _from(
    statement: cst.ImportFrom, module: str, names: Sequence[cst.ImportAlias] | cst.ImportStar
) -> cst.ImportFrom:
    return statement.with_changes(
        module=_node_of(module),
        relative=(),
        names=names,
        whitespace_after_from=cst.SimpleWhitespace(" "),
        whitespace_before_import=cst.SimpleWhitespace(" "),
    )


def _node_of(name: str) -> cst.Name | cst.Attribute:
    node = cst.parse_expression(name)
    if not isinstance(node, (cst.Name, cst.Attribute)):
        raise TypeError(f"{name} is not a dotted name.")
    return node
