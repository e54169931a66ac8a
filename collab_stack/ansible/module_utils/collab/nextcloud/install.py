# GNU General Public License v3.0 or later (see LICENSE)
"""Installing and upgrading, safe to be killed at any moment.

The image's own entrypoint copies ``version.php`` before it installs or upgrades, so what is interrupted there is never
tried again. Here every run looks at the state and goes on from it.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.collab.atomic import write
from ansible.module_utils.collab.nextcloud.occ import LONG_SECONDS, Occ, OccError

_DATABASE_PROGRAM = r"""
$c = json_decode(stream_get_contents(STDIN), true);
$dsn = sprintf('pgsql:host=%s;port=%d;dbname=%s;sslmode=verify-full;sslrootcert=%s',
    $c['host'], $c['port'], $c['name'], $c['ca']);
$db = new PDO($dsn, $c['user'], $c['password'], [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
$tables = $db->query("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
    ->fetchAll(PDO::FETCH_COLUMN);
if ($c['empty']) {
    foreach ($tables as $table) {
        $db->exec("DROP TABLE public.$table CASCADE");
    }
}
echo count($tables);
"""
"""Counts the tables of the database and, when asked, drops them. Settings come from stdin, as JSON."""


class StateError(Exception):
    """An instance in a state that nobody may mend without a person's decision."""


class Installation:
    """The life of an instance.

    :param marker: file that exists while an installation of ours is going on: only then may a half filled database be
        emptied. One without the marker may be somebody's restore.
    """

    def __init__(self, occ: Occ, params: dict[str, Any], marker: Path) -> None:
        self._occ = occ
        self._params = params
        self._marker = marker

    def status(self) -> dict[str, Any]:
        """Return what ``occ status`` says.

        :raises OccError: when it says nothing, as without a database.
        """
        found: dict[str, Any] = self._occ.json("status")
        if "installed" not in found:
            raise OccError(f"occ status says neither installed nor not: {found}")
        return found

    def install(self) -> None:
        """Install, after emptying what an interrupted installation of ours left in the database.

        :raises StateError: when the database holds tables that no installation of ours made.
        """
        database = self._params["database"]
        if self._marker.exists():
            self._tables(empty=True)
            # Upstream refuses an account of whom there are files already.
            shutil.rmtree(Path(self._params["data_dir"]) / self._params["admin"]["name"], ignore_errors=True)
        elif tables := self._tables(empty=False):
            raise StateError(
                f"the database {database['name']} on {database['host']} holds {tables} tables, but Nextcloud's "
                "config.php does not know them. If this is a restore, put config.php and version.php back too; if "
                "the data is not needed, drop the database. Then deploy again"
            )
        self._marker.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(str(self._marker), b"")
        self._occ.call(*self._arguments(), stdin=self._answers(), seconds=LONG_SECONDS, interactive=True)
        if not self.status()["installed"]:
            raise OccError("occ maintenance:install ended well, but occ status says that nothing is installed")
        self.settle()

    def settle(self) -> None:
        """Forget that an installation is going on."""
        self._marker.unlink(missing_ok=True)
        directory = os.open(self._marker.parent, os.O_RDONLY) if self._marker.parent.is_dir() else -1
        if directory >= 0:
            os.fsync(directory)
            os.close(directory)

    def _arguments(self) -> list[str]:
        database, admin = self._params["database"], self._params["admin"]
        return [
            "maintenance:install",
            "--database=pgsql",
            f"--database-host={database['host']}:{database['port']}",
            f"--database-name={database['name']}",
            f"--database-user={database['user']}",
            f"--admin-user={admin['name']}",
            f"--admin-email={admin['email']}",
            f"--data-dir={self._params['container_data_dir']}",
        ]

    def _answers(self) -> str:
        # Asked for in this order; so no password is ever on a command line.
        return f"{self._params['database']['password']}\n{self._params['admin']['password']}\n"

    def _tables(self, *, empty: bool) -> int:
        database = self._params["database"]
        question = json.dumps({**database, "empty": empty})
        return int(self._occ.execute(["php", "-r", _DATABASE_PROGRAM], stdin=question).strip() or 0)

    def upgrade(self) -> None:
        """Finish an upgrade of the database that the entrypoint did not finish, and leave maintenance mode."""
        self._occ.call("upgrade", seconds=LONG_SECONDS)
        self.complete()

    def complete(self) -> None:
        """Add what upstream adds only by a command of its own, on a fresh database too."""
        for what in ("indices", "columns", "primary-keys"):
            self._occ.call(f"db:add-missing-{what}", seconds=LONG_SECONDS)
