"""The form of one tag of `[default]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from hmi.pages.entry import entry_of, parse
from hmi.tags.models import Tag
from hmi.tags.path import PathError, canonical

if TYPE_CHECKING:
    TagModelForm = forms.ModelForm[Tag]
else:
    # Generic for the type checker only.
    TagModelForm = forms.ModelForm


class TagForm(TagModelForm):
    """Every setting of a tag; `initial` is typed as the tag's type spells it. Judged whole on commit."""

    initial_value = forms.CharField(
        required=False,
        label="Initial value",
        help_text="What a memory tag holds until somebody writes it; an array as [1, 2, 3].",
    )

    class Meta:
        model = Tag
        fields = (
            "path",
            "kind",
            "datatype",
            "writable",
            "stored",
            "period_ms",
            "unit",
            "low",
            "high",
            "description",
        )

    field_order = ("path", "description", "kind", "datatype", "initial_value", "unit", "low", "high")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = self.instance.initial
        self.fields["initial_value"].initial = entry_of(held)
        self.fields["path"].help_text = "[default]Folder/Folder/Tag"

    def clean_path(self) -> str:
        try:
            return canonical(self.cleaned_data["path"])
        except PathError as error:
            raise forms.ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        entry = cleaned.get("initial_value", "")
        try:
            value = parse(entry, cleaned.get("datatype", "")) if entry else None
        except ValueError as error:
            self.add_error("initial_value", str(error))
        else:
            self.instance.initial = value
        return cleaned
