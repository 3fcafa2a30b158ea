"""The simulator as a process: its library, its contract, its memory, its page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from stripe_simulator.tests.ports import free_port
from stripe_simulator.tests.processes import ROOT, SHARED, Client, SimulatorProcess, control, wait_for


def test_the_library_of_stripe_works_with_it(simulator, keys, do):
    import stripe

    client = stripe.StripeClient(
        keys["test"]["restricted"], base_addresses={"api": simulator}, max_network_retries=0
    )
    product = stripe.StripeClient(
        keys["test"]["secret"], base_addresses={"api": simulator}
    ).v1.products.create({"name": "Basic"})
    admin = stripe.StripeClient(keys["test"]["secret"], base_addresses={"api": simulator})
    price = admin.v1.prices.create(
        {"product": product.id, "currency": "usd", "unit_amount": 999, "recurring": {"interval": "month"}}
    )
    listed = client.v1.prices.list({"limit": 1, "expand": ["data.product"]})
    assert listed.data[0].to_dict()["product"]["name"] == "Basic"
    customer = client.v1.customers.create({"email": "a@b.c", "metadata": {"user": "1"}})
    subscription = do(f"/customers/{customer.id}/subscribe", price=price.id)
    retrieved = client.v1.subscriptions.retrieve(subscription["id"], {"expand": ["customer"]}).to_dict()
    assert (retrieved["status"], retrieved["customer"]["email"]) == ("active", "a@b.c")
    assert retrieved["items"]["data"][0]["price"]["id"] == price.id
    assert len(list(client.v1.events.list({"limit": 2}).auto_paging_iter())) > 5
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.retrieve("cus_nobody")
    assert refused.value.code == "resource_missing"
    with pytest.raises(stripe.PermissionError, match="rak_accounts_kyc_basic_read"):
        client.v1.accounts.retrieve_current()
    with pytest.raises(stripe.AuthenticationError):
        stripe.StripeClient("sk_test_wrong", base_addresses={"api": simulator}).v1.prices.list()


def test_the_library_tries_again_after_a_fault(simulator, keys, do):
    import stripe

    client = stripe.StripeClient(
        keys["test"]["secret"], base_addresses={"api": simulator}, max_network_retries=2
    )
    do("/faults", kind="drop", path="/v1/customers", when="after")
    do("/faults", kind="500", path="/v1/customers")
    client.v1.customers.create({"name": "Once"})
    assert len(client.v1.customers.list().data) == 1


@pytest.fixture
def proxied(tmp_path, receiver):
    """A simulator behind the contract proxy, in both directions."""
    if not SHARED.is_dir():
        pytest.skip("../shared/stripe is not here")
    hooks, log = free_port(), tmp_path / "log.jsonl"
    running = SimulatorProcess("--allow-local-endpoints", "--resolve", f"site.test=http://127.0.0.1:{hooks}")
    port = free_port()
    command = [sys.executable, SHARED / "contract_proxy.py", "--spec", SHARED / "spec3.json"]
    command += ["--overlay", SHARED / "overlay-2026-10-28.endive.json", "--log", log]
    command += ["--listen", f"127.0.0.1:{port}", "--upstream", running.url]
    command += ["--webhook-listen", f"127.0.0.1:{hooks}", "--webhook-upstream", receiver.url]
    proxy = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: _summary(url, proxy), 20)
    yield running, url, proxy
    proxy.kill() if proxy.poll() is None else None
    running.stop()


def _summary(url, proxy):
    try:
        return requests.get(url + "/__contract__/summary", timeout=1).json()
    except requests.ConnectionError:
        assert proxy.poll() is None
        return None


def test_the_contract_proxy_finds_nothing_in_either_direction(proxied, receiver):
    import stripe

    running, url, proxy = proxied
    keys = requests.get(running.url + "/_simulator/keys", timeout=5).json()
    client = stripe.StripeClient(keys["test"]["secret"], base_addresses={"api": url}, max_network_retries=0)
    endpoint = {
        "url": "https://site.test/hook",
        "enabled_events": ["customer.created", "customer.subscription.updated"],
    }
    secret = client.v1.webhook_endpoints.create({**endpoint, "api_version": "2026-10-28.endive"}).secret
    customer = client.v1.customers.create({"email": "a@b.c"})
    prices = client.v1.prices.list({"limit": 100, "expand": ["data.product"]}).to_dict()["data"]
    price = next(each for each in prices if each["product"]["name"] == "Basic Plan")
    made = control(
        running.url, f"/customers/{customer.id}/subscribe", {"price": price["id"], "status": "past_due"}
    )
    client.v1.subscriptions.update(made["id"], {"cancel_at_period_end": True})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.retrieve("cs_x")
    client.v1.invoices.retrieve(made["latest_invoice"])
    client.v1.events.list({"delivery_success": True, "limit": 100})
    for _ in range(3):
        _, headers, body = receiver.next()
        assert stripe.WebhookSignature.verify_header(body.decode(), headers["Stripe-Signature"], secret, 300)
    proxy.terminate()
    _, complaints = proxy.communicate(timeout=10)
    assert proxy.returncode == 0, complaints


def test_a_restart_forgets_nothing_and_goes_on_delivering(tmp_path, receiver):
    state = str(tmp_path / "state.sqlite")
    first = SimulatorProcess("--state", state, "--allow-local-endpoints", "--retry-gaps", "2,2")
    keys = requests.get(first.url + "/_simulator/keys", timeout=5).json()
    client = Client(first.url, keys["test"]["secret"], None)
    endpoint = client.post("/v1/webhook_endpoints", {"url": receiver.url, "enabled_events": ["*"]})
    receiver.answers = [500]
    answer = client.call("POST", "/v1/customers", {"name": "A"}, Idempotency_Key="kept")
    waiting = receiver.event()
    before = [client.get(f"/v1/{kind}", {"limit": 100}) for kind in ("prices", "customers", "products")]
    extra = control(first.url, "/keys", {"rights": {"customer": "write"}})["key"]
    assert first.stop() == 0

    second = SimulatorProcess("--state", state, "--allow-local-endpoints", "--retry-gaps", "2,2")
    client = Client(second.url, keys["test"]["secret"], None)
    assert [
        client.get(f"/v1/{kind}", {"limit": 100}) for kind in ("prices", "customers", "products")
    ] == before
    assert client.get("/v1/webhook_endpoints")["data"][0]["id"] == endpoint["id"]
    again = client.call("POST", "/v1/customers", {"name": "A"}, Idempotency_Key="kept")
    assert again.json() == answer.json()
    assert Client(second.url, extra, None).get("/v1/customers")["data"]
    assert receiver.event()["id"] == waiting["id"]
    assert second.stop() == 0


def test_many_callers_at_once_lose_nothing(simulator, keys, stripe):
    def make(number: int) -> str:
        return Client(simulator, keys["test"]["secret"], None).post("/v1/customers", {"name": str(number)})[
            "id"
        ]

    with ThreadPoolExecutor(16) as pool:
        ids = set(pool.map(make, range(100)))
    listed = {each["id"] for each in stripe.get("/v1/customers", {"limit": 100})["data"]}
    assert ids == listed
    assert len(stripe.get("/v1/events", {"limit": 100, "type": "customer.created"})["data"]) == 100


def test_ten_thousand_events_are_listed_in_pages(simulator, keys, do):
    do("/seed", prices=5000, events=True)
    client = Client(simulator, keys["test"]["secret"], None)
    params, seen = {"limit": 100, "types": ["price.created", "product.created"]}, 0
    while True:
        page = client.get("/v1/events", params)
        seen += len(page["data"])
        if not page["has_more"]:
            break
        params["starting_after"] = page["data"][-1]["id"]
    assert seen == 10_000


@pytest.mark.parametrize(
    "options",
    [
        ["--resolve", "nothing"],
        ["--retry-gaps", "soon"],
        ["--port", "0"],
        ["--retry-gaps", "-1"],
        ["--state", "/nowhere/x.sqlite"],
    ],
)
def test_a_bad_option_stops_the_start_with_a_sentence(options):
    command = [sys.executable, "-m", "stripe_simulator", *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 2
    assert options[0] in ended.stderr
    assert "Traceback" not in ended.stderr


BAD = [
    ("/keys", {"rights": ["everything"]}),
    ("/keys", {"rights": 5}),
    ("/keys", {"mode": "prod", "rights": []}),
    ("/keys/expire", {}),
    ("/seed", {"prices": "many"}),
    ("/seed", {"prices": 10**9}),
    ("/faults", {"kind": "flood"}),
    ("/faults", {"kind": "hang", "seconds": 1e9}),
    ("/customers/cus_x/subscribe", {"price": "p"}),
    ("/customers/{customer}/subscribe", {}),
    ("/customers/{customer}/subscribe", {"price": "price_x"}),
    ("/customers/{customer}/subscribe", {"price": ["x"]}),
    ("/customers/{customer}/subscribe", {"price": "{price}", "status": "happy"}),
    ("/customers/{customer}/subscribe", {"price": "{price}", "trial_days": 1e300}),
    ("/customers/{customer}/pay", {}),
    ("/customers/{customer}/pay", {"amount": -5}),
    ("/customers/{customer}/pay", {"amount": True}),
    ("/customers/{customer}/pay", {"amount": 5, "currency": "??"}),
    ("/customers/{customer}/card", {"card": "pm_nothing"}),
    ("/charges/ch_x/refund", {}),
    ("/prices/{price}/burn", {}),
    ("/deliveries/evt_x/resend", {}),
    ("/customers", {"email": "nobody"}),
]


@pytest.mark.parametrize(("address", "values"), BAD)
def test_bad_input_to_a_control_is_refused_with_a_sentence(simulator, plan, customer, address, values):
    known = {"{customer}": customer["id"], "{price}": plan["id"]}
    filled = {
        name: known.get(value, value) if isinstance(value, str) else value for name, value in values.items()
    }
    url = (
        simulator
        + "/_simulator"
        + address.replace("{customer}", customer["id"]).replace("{price}", plan["id"])
    )
    answer = requests.post(url, json=filled, timeout=5)
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["error"]["message"]


def test_bodies_that_are_no_object_are_refused(simulator):
    for body in ("[]", "{", "5", '"x"'):
        assert requests.post(simulator + "/_simulator/seed", data=body, timeout=5).status_code == 400


def test_another_site_cannot_control_it(simulator):
    headers = {"Origin": "https://evil.example"}
    assert requests.post(simulator + "/_simulator/reset", headers=headers, timeout=5).status_code == 403


def test_the_page_lets_a_person_do_everything(simulator, stripe, plan, customer, listening, receiver):
    browser = requests.Session()

    def press(address: str, **values: str) -> str:
        answer = browser.post(simulator + address, data=values | {"mode": "test"}, timeout=5)
        assert (answer.status_code, answer.history[0].status_code) == (200, 303)
        return answer.text

    base = f"/_simulator/customers/{customer['id']}"
    page = press(f"{base}/subscribe", price=plan["id"], status="active")
    assert "Subscribed." in page
    subscription = re.search(r"/_simulator/subscriptions/(sub_\w+)/fail", page)[1]
    page = press(f"/_simulator/subscriptions/{subscription}/fail")
    assert "past_due" in page
    assert f"/subscriptions/{subscription}/recover" in page
    assert "needs it to be" in press(f"/_simulator/subscriptions/{subscription}/resume")
    once = stripe.post("/v1/prices", {"currency": "jpy", "unit_amount": 1500, "product": plan["product"]})
    page = press(f"{base}/pay", price=once["id"])
    assert "1,500 JPY" in page
    assert "Key made." in press("/_simulator/keys", rights="customer_write plan_read")
    assert "no such right" in press("/_simulator/keys", rights="everything")
    wait_for(lambda: ">200<" in browser.get(simulator + "/_simulator/", timeout=5).text)


def test_the_page_has_no_inline_code_and_escapes_what_it_shows(simulator, stripe):
    stripe.post("/v1/customers", {"name": "<script>alert(1)</script>"})
    answer = requests.get(simulator + "/_simulator/?mode=test", timeout=5)
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert requests.get(simulator + "/_simulator/static/simulator.css", timeout=5).status_code == 200
    assert "Live mode" in requests.get(simulator + "/_simulator/?mode=live", timeout=5).text


def test_the_state_tells_how_much_there_is(simulator, do, customer):
    state = requests.get(simulator + "/_simulator/state", timeout=5).json()
    assert state["modes"]["test"]["customer"] == 1
    assert state["modes"]["live"]["customer"] == 0
    assert do("/reset")["modes"]["test"]["customer"] == 0


def test_its_tables_are_those_of_the_document(contract):
    if contract is None:
        pytest.skip("../shared/stripe is not here")
    from stripe_simulator.compile_document import TABLES, compiled

    for name, content in compiled(contract.spec).items():
        kept = json.loads((TABLES / name).read_text())
        assert kept == content, f"{name} is not what the document says: compile it again"


def test_every_operation_has_an_answer():
    from stripe_simulator import resources
    from stripe_simulator.api.calls import ANSWERS
    from stripe_simulator.core.operations import every_operation

    resources.load()
    assert set(ANSWERS) == set(every_operation())
