"""SuiteCRM's kit run by PHP itself: what its hooks and its button send to a real socket is taken here."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from contract_suitecrm import CONTACT, CONTRACT, RAVI

from connector.crms.base import Hook
from connector.model import Click, Source
from connector.signatures import Signed, verify

pytestmark = pytest.mark.skipif(not shutil.which("php"), reason="PHP runs the kit, and is not here")

INCLUDE = Path(__file__).parents[2] / "kits" / "suitecrm" / "custom" / "include" / "CallerDesk"
SECRET = "made-up-click-secret-of-suitecrm"

#: SuiteCRM as far as the kit touches it.
SUITECRM = """
define('sugarEntry', true);
class Log { function fatal($text) { echo $text; } }
class Contact {
  public $module_name = 'Contacts', $id = '%(contact)s', $callerdesk_call_c, $fetched_row;
  function ACLAccess($view) { return $this->id !== 'forbidden'; }
}
class BeanFactory {
  static function getBean($module, $id) { $bean = new Contact(); $bean->id = $id; return $bean; }
}
$GLOBALS['log'] = new Log();
$GLOBALS['current_user'] = (object) array('id' => '%(user)s');
$GLOBALS['sugar_config']['callerdesk'] = array(
  'url' => '%(url)s', 'secret' => '%(secret)s',
  'modules' => array('Contacts'), 'rules' => array('Contacts' => array('callerdesk_call_c' => '1')),
);
"""
SAVE = """
require '%(include)s/CallerDeskHook.php';
function save($before, $now, $times = 1) {
  $bean = new Contact(); $bean->fetched_row = $before; $bean->callerdesk_call_c = $now;
  $hook = new CallerDeskHook(); $hook->remember($bean, 'before_save', array());
  $bean->fetched_row = array('callerdesk_call_c' => $now);
  for (; $times > 0; $times--) { (new CallerDeskHook())->changed($bean, 'after_save', array()); }
}
"""


class Connector:
    """Takes what the kit posts, and answers with the status it was told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.status, outer = 200, self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.taken.append((dict(self.headers), body))
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(b'{"message": "Ringing."}')

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def clicks(self) -> list[Click]:
        found = []
        for headers, body in self.taken:
            request = Signed("POST", "/hooks/suitecrm", None, list(headers.items()), body)
            verify("hmac-sha256", request, [SECRET], datetime.now(UTC))
            (click,) = CONTRACT.make().parse(Hook("POST", body, headers["Content-Type"], {}, {}))
            found.append(click)
        return found


@pytest.fixture
def connector() -> Iterator[Connector]:
    made = Connector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def php(connector: Connector, code: str) -> subprocess.CompletedProcess[str]:
    told = {
        "contact": CONTACT,
        "user": RAVI,
        "secret": SECRET,
        "include": INCLUDE,
        "url": f"http://127.0.0.1:{connector.server.server_address[1]}/hooks/suitecrm",
    }
    done = subprocess.run(["php"], input="<?php " + code % told, capture_output=True, text=True, timeout=30)
    assert "Warning" not in done.stdout and "Fatal" not in done.stdout, done.stdout
    return done


def test_a_box_that_was_ticked_is_one_signed_click_of_a_rule(connector: Connector) -> None:
    php(connector, SUITECRM + SAVE + "save(array('callerdesk_call_c' => '0'), '1', 3);")
    (click,) = connector.clicks()
    assert (click.object, click.record_id, click.user) == ("Contacts", CONTACT, RAVI)
    assert click.source is Source.RULE and click.delivery


@pytest.mark.parametrize(
    "save",
    [
        "save(array('callerdesk_call_c' => '1'), '1')",
        "save(array('callerdesk_call_c' => '1'), '0')",
        "save(array('callerdesk_call_c' => '0'), '0')",
        "save(false, null)",
    ],
)
def test_a_save_that_does_not_tick_the_box_is_no_click(connector: Connector, save: str) -> None:
    php(connector, SUITECRM + SAVE + save + ";")
    assert connector.clicks() == []


def test_a_new_record_with_the_box_ticked_is_a_click(connector: Connector) -> None:
    php(connector, SUITECRM + SAVE + "save(false, '1');")
    assert len(connector.clicks()) == 1


def test_a_click_that_was_not_taken_stands_in_suitecrms_log(connector: Connector) -> None:
    connector.status = 503
    done = php(connector, SUITECRM + SAVE + "save(false, '1');")
    assert f"Contacts {CONTACT} came to 503" in done.stdout


PRESS = """
$_SERVER['REQUEST_METHOD'] = 'POST'; %(header)s
$_POST = array('module' => '%(module)s', 'record' => '%(record)s', 'click_id' => 'press-1');
require '%(include)s/CallerDeskCall.php';
"""


def press(connector: Connector, **changes: str) -> Any:
    header = "$_SERVER['HTTP_X_CALLERDESK'] = '1';"
    given = {"header": header, "module": "Contacts", "record": CONTACT, "include": "%(include)s"} | changes
    return json.loads(php(connector, SUITECRM + PRESS % given).stdout)


def test_a_press_is_a_signed_click_and_its_answer_is_passed_on(connector: Connector) -> None:
    assert press(connector) == {"message": "Ringing."}
    (click,) = connector.clicks()
    assert (click.record_id, click.user, click.delivery) == (CONTACT, RAVI, "press-1")
    assert click.source is Source.BUTTON


@pytest.mark.parametrize("changes", [{"header": ""}, {"module": "Users"}, {"record": "forbidden"}])
def test_a_press_from_elsewhere_or_on_what_one_may_not_see_rings_nobody(
    connector: Connector, changes: dict[str, str]
) -> None:
    assert "detail" in press(connector, **changes)
    assert connector.taken == []


def test_the_button_stands_on_detail_views_of_the_named_modules_only(connector: Connector) -> None:
    show = """
    require '%(include)s/CallerDeskHook.php';
    foreach (array('Contacts DetailView', 'Contacts EditView', 'Users DetailView') as $view) {
      list($module, $action) = explode(' ', $view);
      $_REQUEST = array('module' => $module, 'action' => $action, 'record' => '</script><b>');
      (new CallerDeskHook())->button('after_ui_frame', array()); echo "|";
    }
    """
    first, *others = php(connector, SUITECRM + show).stdout.split("|")[-4:]
    assert 'record":"\\u003C' in first.replace("\\/", "/")
    assert first.count("</script>") == 1 and others == ["", "", ""]
