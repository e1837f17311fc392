"""Write the derived files of deploy/, or with --check say which are not what the code says: exit status 1."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from feedmill.cli import routes, routes_command
from feedmill.cli.deployment import dashboards, grafana, nginx, warehouse_dashboard
from feedmill.cli.gateway.documents import PAGE, merged


def wanted() -> dict[str, str]:
    """Path below deploy/ -> text."""
    shown = {
        f"grafana/dashboards/{name}.json": pretty(grafana.document(dashboard))
        for name, dashboard in dashboards.DASHBOARDS.items()
    }
    return {
        **shown,
        "grafana/dashboards/analytics.json": pretty(warehouse_dashboard.document()),
        "nginx/nginx.conf": nginx.render(routes.load()),
        "nginx/www/docs.html": PAGE,
        "nginx/www/openapi.json": pretty(openapi()),
    }


def openapi() -> dict[str, object]:
    """Both services' description as the origin gives it; nginx cannot merge, so it is merged here."""
    return merged({"ingest": routes_command.ingest_app().openapi(), "api": routes_command.api_app().openapi()})


def pretty(document: object) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def deploy_folder() -> Path:
    """Of the checkout; installed elsewhere there is nothing to write."""
    return Path(__file__).resolve().parents[5] / "deploy"


def stale(folder: Path) -> list[str]:
    """The files that are missing or say something else."""
    return [
        name for name, text in wanted().items() if not (folder / name).exists() or (folder / name).read_text() != text
    ]


def main(arguments: list[str]) -> int:
    folder = deploy_folder()
    names = stale(folder)
    if "--check" in arguments:
        print(*(f"deploy/{name} is not what the code says: make deploy-files" for name in names), sep="\n")
        return 1 if names else 0
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted()[name])
        print(f"wrote deploy/{name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
