"""How the panel is laid out; names in quotes are attributes and methods of `panel.Handler`."""

from __future__ import annotations

import gettext
from typing import Any

from nion.ui import Declarative

_ = gettext.gettext

WIDTH = 296
FIELD_WIDTH = 68
MODE_NAMES = (_("Surprise: what is rare"), _("Teach: what is like my clicks"), _("Words: what I describe"))
STRATEGY_NAMES = (
    _("Follow: every region as planned"),
    _("Refine: a quick look, then where confirmed"),
    _("Explore: each frame says where to go next"),
    _("Coarse to fine: whole regions, then parts"),
)
RESTORE_NAMES = (_("Settings unchanged"), _("Put back"), _("Keep"))
THRESHOLD_NAMES = (_("Area %"), _("False regions"), _("False share %"))

ui = Declarative.DeclarativeUI()


def layout() -> Any:
    """The whole panel."""
    return ui.create_column(
        _buttons(),
        _question(),
        ui.create_progress_bar(value="@binding(progress.value)", maximum=100, width=WIDTH),
        ui.create_label(text="@binding(status.value)", word_wrap=True, width=WIDTH),
        ui.create_tabs(
            ui.create_tab(_("Look"), _look()),
            ui.create_tab(_("Plan"), _plan()),
            ui.create_tab(_("Run"), _run()),
            ui.create_tab(_("Results"), _results()),
            ui.create_tab(_("Log"), _log()),
            current_index="@binding(tab.value)",
        ),
        spacing=6,
        margin=8,
    )


def _button(text: str, method: str, enabled: str, tip: str = "", **others: Any) -> Any:
    bound = f"@binding({enabled}.value)"
    return ui.create_push_button(text=text, on_clicked=method, enabled=bound, tool_tip=tip, **others)


def _field(label: str, name: str, hint: str, tip: str, width: int = FIELD_WIDTH, edited: str = "edited") -> Any:
    edit = ui.create_line_edit(
        text=f"@binding({name}.value)", placeholder_text=hint, width=width, tool_tip=tip, on_editing_finished=edited
    )
    return ui.create_column(ui.create_label(text=label, tool_tip=tip), edit, spacing=2)


def _choice(name: str, items: str, width: int, changed: str = "chosen") -> Any:
    return ui.create_combo_box(
        items_ref=f"@binding({items}.value)",
        current_index=f"@binding({name}.value)",
        on_current_index_changed=changed,
        width=width,
    )


def _row(*widgets: Any, spacing: int = 6) -> Any:
    return ui.create_row(*widgets, ui.create_stretch(), spacing=spacing)


def _tab(*widgets: Any) -> Any:
    return ui.create_column(*widgets, ui.create_stretch(), spacing=8, margin=6)


def _buttons() -> Any:
    return _row(
        _button(_("Attach"), "attach", "may_attach", _("Put map and overlay on the live image"), width=58),
        _button(_("Plan"), "plan", "may_plan", _("Choose regions on a frame, and say what they take"), width=48),
        _button(_("Run"), "run", "may_run", _("Visit the regions"), width=48),
        _button("@binding(pause_text.value)", "pause", "may_pause", _("Wait after this region, or go on"), width=64),
        _button(_("Abort"), "abort", "may_abort", _("Stop at once; what was recorded is kept"), width=54),
        spacing=4,
    )


def _question() -> Any:
    return ui.create_row(
        _button(_("Expose"), "confirm", "may_confirm"),
        _button(_("Not now"), "decline", "may_confirm"),
        ui.create_stretch(),
        spacing=6,
        visible="@binding(may_confirm.value)",
    )


def _look() -> Any:
    return _tab(
        ui.create_label(text="@binding(source.value)", word_wrap=True, width=WIDTH - 24),
        _choice("mode", "modes", 260),
        _row(_field(_("Words"), "query", _("linear cracks"), _("What to look for, in a few words"), 260)),
        _row(
            _button(_("+ Example"), "arm_positive", "is_attached", _("Then click on what you look for"), width=74),
            _button(_("− Example"), "arm_negative", "is_attached", _("Then click on what you do not"), width=74),
            _button(_("Done"), "disarm", "is_armed", _("Clicks are Swift's again (Escape)"), width=50),
            _button(_("Clear"), "clear_clicks", "is_attached", _("Remove all examples"), width=50),
        ),
        _row(
            _choice("shown_class", "classes", 128, changed="class_shown"),
            _button(
                _("Where next?"), "suggest", "is_attached", _("Mark the place whose click would teach most"), width=90
            ),
        ),
        _row(
            _field(_("Class"), "class_name", "target", _("Name of what is clicked")),
            _field(_("Backbone"), "backbone", "tf_efficientnet_lite0", _("Network of the features, or classical"), 136),
            _field(_("Scales"), "scales", "1", _("Factors by which the image is resampled, such as 1 0.5"), 50),
        ),
        _row(
            ui.create_check_box(
                text=_("Overlay"), checked="@binding(overlay_visible.value)", on_checked_changed="restyle"
            ),
            _choice("color_map", "color_maps", 86, changed="restyle"),
            ui.create_slider(
                value="@binding(opacity_percent.value)",
                minimum=0,
                maximum=100,
                on_value_changed="restyle",
                width=90,
                tool_tip=_("Opacity"),
            ),
        ),
        _row(
            _field(
                _("Paint above"), "paint_above", _("auto"), _("Score below which nothing is painted"), edited="restyle"
            ),
            _button(_("Composite"), "composite", "is_attached", _("Image and overlay as one picture, to export")),
        ),
    )


def _plan() -> Any:
    return _tab(
        _row(_choice("threshold", "thresholds", 130), _field("", "amount", "10", _("How much is planned"))),
        _row(
            _field(_("Region px"), "region", _("auto"), _("Side of a region, in pixels of the live image")),
            _field(_("Density"), "density", "2", _("Samples a pixel of the live image")),
            _field(_("Dwell µs"), "dwell", _("auto"), _("Time the beam stays on each sample")),
        ),
        _row(
            _field(_("Dose limit e/nm²"), "max_dose", _("none"), _("No region gets more"), 102),
            _field(_("Time limit s"), "max_time", _("none"), _("The best regions that fit are planned"), 68),
            _field(_("Electrons"), "max_electrons", _("no limit"), _("No run sends more"), 76),
        ),
        ui.create_label(text="@binding(prediction.value)", word_wrap=True, width=WIDTH - 24),
    )


def _run() -> Any:
    return _tab(
        _choice("strategy", "strategies", 260),
        ui.create_check_box(text=_("Explore may leave the plan"), checked="@binding(beyond_plan.value)"),
        ui.create_label(text="@binding(books.value)", word_wrap=True, width=WIDTH - 24),
        ui.create_check_box(text=_("Ask before the first exposure of a plan"), checked="@binding(ask_first.value)"),
        ui.create_check_box(text=_("Afterwards beam and view as before"), checked="@binding(beam_as_before.value)"),
        _row(
            _field(
                _("Park the beam at y, x"),
                "park",
                _("nowhere: it is blanked"),
                _("Where the beam rests between regions if there is no blanker, as fractions of the frame"),
                170,
            ),
        ),
        _row(
            _field(
                _("Drift known to nm"),
                "drift",
                _("not corrected"),
                _("How well drift is followed: 0.25, or nothing"),
                100,
            ),
            _button(_("Beam on"), "beam_on", "may_open", _("Open the blanker that a run closed")),
        ),
        ui.create_label(text=_("A run that was interrupted")),
        _row(
            _choice("run_index", "runs", 196, changed="run_chosen"),
            _button(_("Give up"), "give_up_run", "may_attach", _("Offer it no more"), width=60),
        ),
        _row(
            _button(_("Resume run"), "resume_run", "may_attach", _("Go on with it, after a question")),
            _choice("restore", "restores", 150, changed="run_chosen"),
        ),
        ui.create_check_box(text=_("Expose again what has no good frame"), checked="@binding(repeat_exposed.value)"),
    )


def _results() -> Any:
    rows = ui.create_list_box(
        items_ref="@binding(rows.value)",
        current_index="@binding(row.value)",
        on_item_selected="row_selected",
        min_height=260,
        width=WIDTH - 24,
    )
    return _tab(
        ui.create_label(text=_("Click a region to go there")),
        rows,
        _row(
            _button(_("Whole image"), "look_at_all", "is_attached"),
            _button(_("Why here"), "why_here", "may_run", _("A picture of why the chosen region was chosen")),
            _button(_("Export …"), "export", "may_run", _("Protocol, map, measurements and report, into a folder")),
        ),
        _row(
            _button(
                _("Table of objects"),
                "measure",
                "is_attached",
                _("Sizes and places of what stands out, in a data item that follows the image"),
            ),
        ),
        ui.create_label(text="@binding(objects.value)", word_wrap=True, width=WIDTH - 24),
    )


def _log() -> Any:
    return _tab(ui.create_text_edit(text="@binding(log.value)", editable=False, width=WIDTH - 24, height=220))
