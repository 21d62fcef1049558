"""Template definitions of one sequence of births, and what they say about instances (specification 6.4.14).

An edge node holds its instances to their definition before they leave (`fitted`): all members in births, a
subset in DATA, no member that the definition lacks. A host reads instances with it (`read`): in DATA a member
may come without its datatype, and without its name if a birth gave it an alias. What is wrong spoils one
member, never the instance. Both walk along the instance, whose depth the codec limits, never along
definitions, which could refer to each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sparkplug.coercion import coerce, from_wire
from sparkplug.datatypes import DataType
from sparkplug.metric import BAD, Metric, Parameter, Template

_NO_MEMBERS = frozenset({DataType.Unknown, DataType.PropertySet, DataType.PropertySetList})
_BASIC = range(DataType.Int8, DataType.Text + 1)


@dataclass(slots=True)
class Report:
    """strangers: paths of members that no definition has; faults: what else was wrong, in words."""

    strangers: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def definitions_in(metrics: Iterable[Metric]) -> dict[str, Template]:
    """The template definitions among the metrics of a birth, by metric name; of one that comes twice the
    first."""
    found: dict[str, Template] = {}
    for metric in metrics:
        if metric.name and isinstance(metric.value, Template) and metric.value.is_definition:
            found.setdefault(metric.name, metric.value)
    return found


class Definitions:
    """`found`: by metric name. `parent`: where to look for what is not in here."""

    def __init__(
        self, found: Mapping[str, Template] | None = None, parent: Definitions | None = None
    ) -> None:
        self._found = dict(found or {})
        self._parent = parent
        self._members: dict[str, dict[str, Metric]] = {}
        self._aliases: dict[int, str] = {}

    def get(self, reference: str | None) -> Template | None:
        """The definition that an instance refers to."""
        found = self._found.get(reference or "")
        return found if found is not None or self._parent is None else self._parent.get(reference)

    def members(self, reference: str | None) -> Mapping[str, Metric]:
        """The members of a definition by name; none of one that is not there."""
        known = self._members.get(reference or "")
        if known is not None:
            return known
        definition = self.get(reference)
        if definition is None or reference is None:
            return {}
        members = {member.name: member for member in definition.metrics if member.name}
        self._members[reference] = members
        return members

    def learn_aliases(self, metrics: Iterable[Metric]) -> None:
        """The aliases that the members of these birth metrics have, for DATA that names them by no other."""
        for metric in metrics:
            if isinstance(metric.value, Template):
                for member in metric.value.metrics:
                    if member.name and member.alias is not None:
                        self._aliases[member.alias] = member.name
                self.learn_aliases(metric.value.metrics)

    # --- for an edge node

    def sound(self, wall: int) -> tuple[Definitions, list[str]]:
        """These definitions as a birth may have them, and what had to be left out."""
        faults: list[str] = []
        kept = {name: self._sound(name, template, wall, faults) for name, template in self._found.items()}
        return Definitions(kept), faults

    def fitted(self, path: str, value: object, stamp: int, report: Report, *, whole: bool) -> Template:
        """An instance as it may leave. `whole`: with all members, null where nobody gave a value.

        path names it in the report. stamp (ms UTC): for members without a timestamp. ValueError if it is no
        instance of any of these definitions.
        """
        if not isinstance(value, Template) or value.is_definition:
            raise ValueError("no instance of a template")
        definition = self.get(value.reference)
        if definition is None:
            raise ValueError(f"its template {value.reference!r} is not defined")
        declared = self.members(value.reference)
        members: dict[str, Metric] = {}
        for member in value.metrics:
            word = declared.get(member.name or "")
            if word is None or not word.name:
                report.strangers.append(f"{path}/{member.name}")
            else:
                where = f"{path}/{word.name}"
                members[word.name] = self._fitted_member(where, member, word, stamp, report, whole=whole)
        if whole:
            for name, word in declared.items():
                members.setdefault(name, Metric(name, word.datatype, None, stamp))
        return value._replace(
            metrics=tuple(members[name] for name in declared if name in members),
            parameters=_fitted_parameters(path, value.parameters, definition, report),
        )

    def _fitted_member(
        self, path: str, member: Metric, word: Metric, stamp: int, report: Report, *, whole: bool
    ) -> Metric:
        own = member.timestamp
        if own is None or not 0 <= own < 2**64:
            own = stamp
        member = member._replace(datatype=word.datatype, alias=None, timestamp=own)
        if member.value is None:
            return member
        try:
            if word.datatype is DataType.Template:
                return member._replace(value=self.fitted(path, member.value, own, report, whole=whole))
            return member._replace(value=coerce(word.datatype, member.value))
        except ValueError as error:
            report.faults.append(f"{path}: {error}")
            return member._replace(value=None, quality=BAD)

    def _sound(self, name: str, template: Template, wall: int, faults: list[str]) -> Template:
        members: dict[str, Metric] = {}
        for member in template.metrics:
            where = f"{name}/{member.name}"
            if not member.name or member.name in members or member.datatype in _NO_MEMBERS:
                faults.append(f"{where} cannot be a member of a template")
            elif isinstance(member.value, Template) and self._leads_to(member.value.reference, name):
                faults.append(f"{where} makes the template contain itself")
            else:
                report = Report()
                members[member.name] = self._fitted_member(where, member, member, wall, report, whole=False)
                faults += report.faults
                faults += [f"{stranger} is not in its template" for stranger in report.strangers]
        parameters = {one.name: one for one in reversed(template.parameters) if one.name}
        sound = tuple(
            parameter for parameter in reversed(parameters.values()) if parameter.datatype in _BASIC
        )
        if len(sound) < len(template.parameters):
            faults.append(f"{name}: parameters twice, without a name or not of a basic type")
        return Template(
            tuple(members.values()), _coerced(name, sound, faults), None, template.version, is_definition=True
        )

    def _leads_to(self, reference: str | None, target: str) -> bool:
        """Is `target` the template `reference`, or somewhere inside it?"""
        seen: set[str] = set()
        ahead = [reference]
        while ahead:
            name = ahead.pop()
            if name == target:
                return True
            if name is None or name in seen:
                continue
            seen.add(name)
            inside = self.members(name).values()
            ahead += [one.value.reference for one in inside if isinstance(one.value, Template)]
        return False

    # --- for a host, and for commands

    def read(self, path: str, value: Template, stamp: int, report: Report) -> Template:
        """An instance as it is meant: members with the datatypes, and where only an alias came the names, of
        the definition. Every timestamp is set."""
        if value.is_definition:
            return value
        if self.get(value.reference) is None:
            report.faults.append(f"{path}: its template {value.reference!r} is not defined")
        declared = self.members(value.reference)
        defined = self.get(value.reference) is not None
        members = []
        for member in value.metrics:
            name = member.name or self._name(member.alias)
            word = declared.get(name or "")
            where = f"{path}/{name or member.alias}"
            if member.timestamp is None:
                member = member._replace(timestamp=stamp)
            if word is None and defined:
                report.strangers.append(where)
                members.append(member._replace(name=name, value=None, quality=BAD))
            else:
                datatype = member.datatype if word is None else word.datatype
                members.append(self._read_member(where, member._replace(name=name), datatype, report))
        return value._replace(metrics=tuple(members))

    def _read_member(self, path: str, member: Metric, datatype: DataType, report: Report) -> Metric:
        """`datatype`: what it should be; `member.datatype`: what it says, Unknown where it says nothing."""
        claimed, value = member.datatype, member.value
        member = member._replace(datatype=datatype)
        if value is None:
            return member
        try:
            if isinstance(value, Template) and datatype in (DataType.Template, DataType.Unknown):
                # The codec has limited the depth.
                inside = self.read(path, value, member.timestamp or 0, report)
                return member._replace(datatype=DataType.Template, value=inside)
            if datatype is DataType.Unknown:
                raise ValueError("it has no datatype")
            if claimed is datatype:
                return member
            fitting = from_wire(datatype, value) if claimed is DataType.Unknown else coerce(datatype, value)
            return member._replace(value=fitting)
        except ValueError as error:
            report.faults.append(f"{path}: {error}")
            return member._replace(value=None, quality=BAD)

    def _name(self, alias: int | None) -> str | None:
        if alias is None:
            return None
        name = self._aliases.get(alias)
        return name if name is not None or self._parent is None else self._parent._name(alias)


def _fitted_parameters(
    path: str, given: Iterable[Parameter], definition: Template, report: Report
) -> tuple[Parameter, ...]:
    """Those that the definition has, with its datatypes."""
    known = {parameter.name: parameter.datatype for parameter in definition.parameters}
    fitting: dict[str, Parameter] = {}
    for one in given:
        if one.name in known:
            fitting[one.name] = one._replace(datatype=known[one.name])
        else:
            report.faults.append(f"{path}: its template has no parameter {one.name!r}")
    return _coerced(path, fitting.values(), report.faults)


def _coerced(path: str, parameters: Iterable[Parameter], faults: list[str]) -> tuple[Parameter, ...]:
    fitting = []
    for one in parameters:
        try:
            value = coerce(one.datatype, one.value)
        except ValueError as error:
            faults.append(f"{path}: parameter {one.name}: {error}")
            value = None
        fitting.append(Parameter(one.name, one.datatype, value if isinstance(value, _SCALARS) else None))
    return tuple(fitting)


_SCALARS = (bool, int, float, str)
