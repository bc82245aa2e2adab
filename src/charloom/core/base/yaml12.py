"""Read and write YAML 1.2, as DVC does, with PyYAML, whose own rules are those of YAML 1.1."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml
from yaml.constructor import BaseConstructor, ConstructorError

# Raised for invalid YAML; LookupError for an unknown tag, RecursionError for deep nesting.
NO_YAML = (yaml.YAMLError, ValueError, LookupError, RecursionError)

TAG = "tag:yaml.org,2002:"
LONGEST = 1_000_000  # characters of a document
PLAIN = (  # unquoted values: tag, pattern, and possible first characters
    ("bool", "(true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", "(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("float", r"([-+]?[0-9][0-9_]*(\.[0-9_]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|[-+]?\.[0-9_]+([eE][-+][0-9]+)?"
              r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$", "-+0123456789."),
    ("int", "[-+]?([0-9_]+|0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+)$", "-+0123456789"),
    ("merge", "(<<|=)$", "<="),  # merge has no constructor: it is refused
)  # fmt: skip


class Reader(yaml.CSafeLoader):  # type: ignore[misc]  # PyYAML ships no types
    """PyYAML's reader with the types of PLAIN. It refuses duplicate keys, and keys that are lists or mappings."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012  PyYAML reads this attribute of the class

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Return the mapping. Raises ConstructorError if a key occurs twice, or is a list or a mapping."""
        mapping = BaseConstructor.construct_mapping(self, node, deep=deep)
        keys = [key.value for key, _ in node.value]
        if len(mapping) < len(keys):  # equal keys may be written differently: 1 and 01
            n = next((n for n, key in enumerate(keys) if key in keys[:n]), -1)
            place = node.value[n][0].start_mark
            raise ConstructorError(None, None, f'found duplicate key "{keys[n][:40]}"', place)
        return mapping

    def construct_yaml_int(self, node: Any) -> int:
        """Return the integer. A leading zero does not make it octal: 012 is 12. Raises ValueError."""
        digits = self.construct_scalar(node).replace("_", "")
        return int(digits, 0 if re.search("[box]", digits) else 10)


class StrictReader(Reader):
    """A Reader that also refuses aliases: ten lines of YAML with aliases can expand to billions of values."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Return the node's value. Raises ConstructorError for a second call with the node: an alias refers to it."""
        if node in self.constructed_objects:
            again = "an alias refers to this value; aliases are not allowed: repeat the value"
            raise ConstructorError(None, None, again, node.start_mark)
        return BaseConstructor.construct_object(self, node, deep=deep)


class Writer(yaml.CSafeDumper):  # type: ignore[misc]  # PyYAML ships no types
    """PyYAML's writer, which quotes texts that the reader would read as another type."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012  PyYAML reads this attribute of the class


Reader.add_constructor(f"{TAG}int", Reader.construct_yaml_int)
for kind, pattern, first in PLAIN:
    for side in (Reader, Writer):
        side.add_implicit_resolver(TAG + kind, re.compile(pattern), first)


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML document. Raises one of NO_YAML if it is invalid, or has over LONGEST characters."""
    if len(text) > LONGEST:
        raise ConstructorError(problem=f"more than {LONGEST:,} characters, the maximum")
    return yaml.load(text, StrictReader)  # noqa: S506  it constructs only plain values


def parse_as_texts(text: str) -> Any:
    """Return the value of a YAML document with each scalar as its text: `05`, not 5. Raises one of NO_YAML."""
    return yaml.load(text, yaml.CBaseLoader)  # noqa: S506  it constructs only texts


def as_yaml_text(values: dict[str, Any]) -> str:
    """Return the mapping as YAML in the order of its keys. Lists of plain values are written in flow style: [1, 2]."""
    form = {"default_flow_style": None, "width": 10_000, "sort_keys": False, "allow_unicode": True}
    return str(yaml.dump(values, Dumper=Writer, **form))


@lru_cache(1024)  # the cells of a table repeat
def scalar_value(value: str) -> Any:
    """Return the value of a YAML scalar, such as a number or a word. Raises one of NO_YAML if it is invalid."""
    return parse_yaml(f"a: {value}")["a"]


def leaves(nested: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) for the leaves of nested mappings. A list and an empty mapping are leaves, too.

    prefix  text before each name
    """
    if not isinstance(nested, dict) or not nested:
        yield prefix.removesuffix("."), nested
        return
    for key, value in nested.items():
        yield from leaves(value, f"{prefix}{key}.")
