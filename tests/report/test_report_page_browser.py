"""The pages in a browser, as a person meets them: drawn, sorted, switched, narrow, dark, printed, read aloud."""

import shutil
from contextlib import contextmanager

import pytest
from support.made_runs import make_view
from tools.readme import committed_run, run_of

from bnreg.analysis.comparison import compare_views
from bnreg.analysis.run_view import view_of_run
from bnreg.claims.recorded import recorded_claims
from bnreg.claims.verdict import decide_claims
from bnreg.cli.common.pages import find_images
from bnreg.report.page.lecture import claims_page
from bnreg.report.page.page import runs_page
from bnreg.runs import read_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "</script><img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
PHONE, DESKTOP = {"width": 375, "height": 700}, {"width": 1280, "height": 900}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; Debian's package is chromium")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages by name: the default run, a sweep, several runs with a hostile one, and some claims."""
    folder = tmp_path_factory.mktemp("pages")
    default = read_run(committed_run("bn_vs_plain"))
    names = ("c10_convergence", "c03_covariate_shift", "c11_deep_sigmoid")
    sweep, shift, deep = (read_run(run_of(name)) for name in names)
    views = [view_of_run(default), make_view(overrides=(HOSTILE,), platform=HOSTILE, git_commit=HOSTILE)]
    images = find_images(None)
    content = {
        "default": runs_page(compare_views(views[:1]), images),
        "sweep": runs_page(compare_views([view_of_run(sweep)]), images),
        "several": runs_page(compare_views(views), images, [HOSTILE]),
        "claims": claims_page(decide_claims(recorded_claims([shift, deep]))),
    }
    for name, page in content.items():
        (folder / f"{name}.html").write_bytes(page)
    return folder


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM)
        yield running
        running.close()


@pytest.fixture
def opened(browser, pages):
    """Open a page by its name, and wait until all of its charts are drawn; whatever goes wrong in it is an error."""

    @contextmanager
    def visit(name, **options):
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        said, asked = [], []
        context.on("console", lambda message: said.append(message.text))
        context.on("weberror", lambda error: said.append(str(error.error)))
        context.on("request", lambda request: asked.append(request.url))
        address = (pages / f"{name}.html").as_uri()
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("html[data-drawn]")
        yield page
        context.close()
        assert (said, {*asked}) == ([], {address})

    return visit


NAMES = ["default", "sweep", "several", "claims"]


@pytest.mark.parametrize("name", NAMES)
def test_all_charts_are_drawn_without_a_word_on_the_console_or_a_request(opened, name):
    with opened(name) as page:
        places = page.locator("[data-spec]")
        assert places.count() > 1
        assert page.locator("[data-spec] svg.marks path").count() > places.count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_violation(opened, name, scheme):
    """Contrast, names, landmarks and headings, by axe-core's rules."""
    from axe_playwright_python.sync_playwright import Axe

    with opened(name, color_scheme=scheme) as page:
        page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true })")
        found = Axe().run(page)
        assert not found.response["violations"], found.generate_report()


@pytest.mark.parametrize("name", NAMES)
def test_a_phone_needs_no_scrolling_sideways(opened, name):
    with opened(name, viewport=PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        widths = page.locator("svg.marks").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
        assert max(widths) <= PHONE["width"]
        shrunk = page.locator("svg.marks").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().width / one.width.baseVal.value)"
        )
        assert min(shrunk) > 0.8  # so that text of 12 pixels is still readable


def test_a_hostile_run_changes_nothing(opened):
    with opened("several") as page:
        assert page.evaluate("window.hacked") is None
        assert page.get_by_text(HOSTILE).count() > 0


def test_a_table_is_sorted_by_its_numbers_up_and_down(opened):
    with opened("default") as page:
        table = page.locator("table", has=page.get_by_text("test accuracy, %"))
        header = table.get_by_role("columnheader", name="test accuracy, %")
        arms = table.locator("tbody th")
        assert arms.all_inner_texts() == ["bn", "plain (baseline)"]
        header.get_by_role("button").click()
        assert (header.get_attribute("aria-sort"), arms.all_inner_texts()) == ("ascending", ["plain (baseline)", "bn"])
        header.get_by_role("button").click()
        assert (header.get_attribute("aria-sort"), arms.all_inner_texts()) == ("descending", ["bn", "plain (baseline)"])


def test_a_sorted_column_has_the_smallest_p_first_and_what_is_missing_last(opened):
    """Either way."""
    with opened("default") as page:
        words = ["0.5", "–", "< 0.001", "0.1", "−0.2"]
        up, down = (page.evaluate(f"{words}.sort((a, b) => compare(a, b, {sign}))") for sign in (1, -1))
        assert up == ["−0.2", "< 0.001", "0.1", "0.5", "–"]
        assert down == ["0.5", "0.1", "< 0.001", "−0.2", "–"]


def test_a_click_on_the_legend_fades_the_other_arms(opened):
    with opened("default") as page:
        chart = page.locator("#run-1-curves")
        faded = "all => all.map(one => getComputedStyle(one).opacity * (one.getAttribute('opacity') ?? 1))"
        before = chart.locator(".mark-line path").evaluate_all(faded)
        chart.get_by_text("plain", exact=True).first.click()
        after = chart.locator(".mark-line path").evaluate_all(faded)
        assert min(after) < min(before)
        assert max(after) == max(before)


def test_curves_are_drawn_against_what_is_chosen(opened):
    with opened("default") as page:
        chart = page.locator("#run-1-curves")
        assert chart.get_by_text("epoch", exact=True).count() > 0
        page.get_by_label("against").select_option(label="seconds")
        chart.get_by_text("seconds", exact=True).first.wait_for()
        assert chart.get_by_text("epoch", exact=True).count() == 0


def paper(page):
    return page.evaluate("getComputedStyle(document.documentElement).backgroundColor")


def test_light_and_dark_follow_the_system_and_the_button(opened):
    """Charts change their colours with the page."""
    with opened("default", color_scheme="dark") as page:
        ink = "getComputedStyle(document.querySelector('.role-axis-label text')).fill"
        dark = paper(page), page.evaluate(ink)
        page.get_by_role("button", name="Light or dark").click()
        light = paper(page), page.evaluate(ink)
        assert dark[0] != light[0]
        assert dark[1] != light[1]
        assert light[0] == "rgb(255, 255, 255)"
        page.reload()
        page.wait_for_selector("html[data-drawn]")
        assert paper(page) == light[0]
        page.emulate_media(media="print")
        assert paper(page) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", ["default", "claims"])
def test_it_prints_on_a4(opened, name):
    """On paper nothing is cut off at the right, and nothing asks to be clicked."""
    with opened(name, color_scheme="dark") as page:
        assert page.pdf(format="A4").count(b"/Type /Page\n") > 1
        page.set_viewport_size({"width": 680, "height": 990})  # within its margins
        page.emulate_media(media="print")
        assert page.evaluate("document.documentElement.scrollWidth") == 680
        widths = page.locator("svg.marks").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
        assert max(widths) <= 680
        assert not page.get_by_role("button").all()


def test_the_command_and_the_config_are_copied(opened):
    with opened("default", permissions=["clipboard-read", "clipboard-write"]) as page:
        page.get_by_role("button", name="Copy").first.click()
        page.get_by_role("button", name="Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()").startswith("bnreg train configs/bn_vs_plain.yaml")


def test_without_javascript_the_words_and_tables_remain(browser, pages):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((pages / "default.html").as_uri())
    assert page.get_by_text("96.93").count() == 1
    context.close()
