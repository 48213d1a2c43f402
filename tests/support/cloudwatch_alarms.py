"""The CloudWatch alarms, as CloudFormation makes them of the template and its parameters."""

import re
from functools import cache
from pathlib import Path

import yaml

TEMPLATE = Path(__file__).parents[2] / "deploy" / "cloudformation" / "alarms.yaml"


class _Loader(yaml.SafeLoader):
    """Reads `!Function arguments` as `{"!Function": arguments}`."""


def _function(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, object]:
    if isinstance(node, yaml.ScalarNode):
        return {f"!{name}": loader.construct_scalar(node)}
    return {f"!{name}": loader.construct_sequence(node, deep=True)}


_Loader.add_multi_constructor("!", _function)


def cloudwatch_alarms(**parameters: str) -> dict[str, dict]:
    """Return the properties of each alarm that the template makes with *parameters*, by its name."""
    template = _template()
    values = {name: declared["Default"] for name, declared in template["Parameters"].items()}
    stack = _Stack(values | parameters, template["Conditions"])
    made = [
        stack.resolve(resource["Properties"])
        for resource in template["Resources"].values()
        if "Condition" not in resource or stack.holds(resource["Condition"])
    ]
    return {properties["AlarmName"]: properties for properties in made}


@cache
def _template() -> dict:
    return yaml.load(TEMPLATE.read_text(), _Loader)  # noqa: S506 - it is a safe loader


class _Stack:
    """What a template means with the values of its parameters."""

    def __init__(self, values: dict[str, str], conditions: dict[str, object]) -> None:
        self._values = values
        self._conditions = conditions

    def holds(self, condition: str) -> bool:
        return self.resolve(self._conditions[condition])

    def resolve(self, part: object) -> object:
        if isinstance(part, list):
            return [self.resolve(one) for one in part]
        if not isinstance(part, dict):
            return part
        if len(part) == 1 and next(iter(part)).startswith("!"):
            [(name, arguments)] = part.items()
            return self._call(name, arguments)
        resolved = {key: self.resolve(value) for key, value in part.items()}
        return {key: value for key, value in resolved.items() if value is not None}

    def _call(self, name: str, arguments: object) -> object:
        match name, arguments:
            case "!Ref", "AWS::NoValue":
                return None
            case "!Ref", parameter:
                return self._values[parameter]
            case "!Sub", text:
                return re.sub(r"\$\{(\w+)\}", lambda found: self._values[found[1]], text)
            case "!If", [condition, yes, no]:
                return self.resolve(yes if self.holds(condition) else no)
            case "!Equals", [left, right]:
                return self.resolve(left) == right
            case "!Not", [condition]:
                return not self.resolve(condition)
        raise NotImplementedError(name)
