import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from django import forms
from django.conf import settings
from django.template import Context, Template
from django.test import RequestFactory

from apps.corpora.models import Kind
from apps.pages.render import render_page
from apps.pages.templatetags.pages import commands, icon, nav_link, published, zulu


class TestZulu:
    def test_writes_a_moment_as_operations_do(self):
        moment = datetime(2026, 11, 3, 14, 5, 9, tzinfo=UTC)
        assert zulu(moment) == '<time datetime="2026-11-03T14:05:09+00:00">3 Nov 2026 14:05Z</time>'
        assert ">3 Nov 2026 14:05:09Z<" in zulu(moment, "seconds")

    def test_turns_other_zones_into_utc(self):
        moment = datetime(2026, 12, 31, 20, 30, tzinfo=timezone(timedelta(hours=-5)))
        assert "1 Jan 2027 01:30Z" in zulu(moment)

    def test_is_empty_for_no_moment(self):
        assert zulu(None) == ""


class TestPublished:
    def test_shows_no_time_where_only_the_day_is_known(self):
        assert published(datetime(2026, 4, 10, tzinfo=UTC)) == '<time datetime="2026-04-10">10 Apr 2026</time>'

    def test_shows_the_time_where_there_is_one(self):
        assert "10 Apr 2026 06:00Z" in published(datetime(2026, 4, 10, 6, tzinfo=UTC))

    def test_is_empty_for_no_moment(self):
        assert published(None) == ""


class TestCommands:
    def test_sets_commands_as_code_and_escapes_the_rest(self):
        assert commands("Run `a <b>` & <i>wait</i>") == ("Run <code>a &lt;b&gt;</code> &amp; &lt;i&gt;wait&lt;/i&gt;")


class TestIcon:
    def test_is_hidden_from_readers_unless_it_says_something(self):
        assert 'aria-hidden="true"' in icon("search")
        assert 'role="img" aria-label="Done:"' in icon("ok", "Done:")

    def test_every_icon_the_templates_name_is_drawn(self):
        drawn = (Path(settings.BASE_DIR) / "static/img/icons.svg").read_text()
        named = set()
        for template in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
            named |= set(_icons_of(template.read_text()))
        assert len(named) > 10
        named |= set(Kind.values)  # named by variable
        assert [name for name in sorted(named) if f'id="{name}"' not in drawn] == []


def _icons_of(source):
    return re.findall(r'\{% icon "([\w-]+)"', source) + re.findall(r'icon_name="([\w-]+)"', source)


class TestNavLink:
    @pytest.mark.parametrize(("path", "current"), [("/help/", "page"), ("/help/keys", "true"), ("/status/", "")])
    def test_marks_the_page_shown_and_those_above_it(self, path, current):
        context = Context({"request": RequestFactory().get(path)})
        assert nav_link(context, "help", "Help", icon_name="help")["current"] == current


class TestRenderPage:
    def test_gives_the_part_alone_when_htmx_fills_it(self, settings, tmp_path):
        (tmp_path / "page.html").write_text(
            "{% load partials %}<h1>All</h1>{% partialdef results inline %}<p>{{ count }}</p>{% endpartialdef %}"
        )
        settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
        whole = render_page(RequestFactory().get("/"), "page.html", {"count": 3}, partial="results").render()
        asked = RequestFactory().get("/", headers={"HX-Target": "results"})
        part = render_page(asked, "page.html", {"count": 3}, partial="results").render()
        other = RequestFactory().get("/", headers={"HX-Target": "elsewhere"})
        assert whole.text == "<h1>All</h1><p>3</p>"
        assert part.text == "<p>3</p>"
        assert render_page(other, "page.html", {"count": 3}, partial="results").render().text == whole.text
        assert part["Vary"] == "HX-Request, HX-Target"


class TestFieldTemplate:
    def test_ties_label_help_and_error_to_the_field(self):
        class Ask(forms.Form):
            name = forms.CharField(help_text="As on your badge.")

        html = Template('{% include "forms/field.html" with field=form.name %}').render(Context({"form": Ask({})}))
        assert '<label for="id_name">' in html
        assert 'aria-describedby="id_name_helptext id_name_error"' in html
        assert 'id="id_name_helptext"' in html
        assert 'id="id_name_error"' in html
        assert 'aria-invalid="true"' in html
