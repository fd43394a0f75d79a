"""Show the plots of dvc.yaml in a page that opens with the network off.

DVC's own page loads its three libraries from a server; this one holds them.

Run: python -m sharing.plots [show|diff] [what `dvc plots show` or `dvc plots diff` takes]
"""

import subprocess
import sys
from pathlib import Path

from stages.common.errors import MissingInput, run
from stages.common.outputs import whole_output

VEGA_LITE = "5.8"  # of the package's, the nearest to 5.2, which DVC's templates are written for
TEMPLATE = Path(".dvc/tmp/plots.html")
PAGE = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
{refresh_tag}
<title>Plots</title>
<script>
SCRIPTS
</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def main() -> None:
    """Write the template, and let DVC fill it: it prints where the page is."""
    if not Path(".dvc").is_dir():
        raise MissingInput("plots are shown in the repository's root, and there is no .dvc here: cd there first")
    with whole_output(TEMPLATE) as partial:
        partial.write_text(PAGE.replace("SCRIPTS", vega_scripts()), encoding="utf-8")
    asked = sys.argv[1:]
    kind = asked.pop(0) if asked[:1] in (["show"], ["diff"]) else "show"
    sys.exit(subprocess.run(["dvc", "plots", kind, "--html-template", str(TEMPLATE), *asked]).returncode)


def vega_scripts() -> str:
    """Return Vega, Vega-Lite and Vega-Embed in one script, which no `</script` inside it ends."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    return bundle.replace("</script", "<\\/script")


if __name__ == "__main__":
    run(main)
