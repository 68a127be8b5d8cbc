"""Write the sample messages that `aura-stream demo` and the README use: `python tools/make_samples.py`.

Four sorts of traffic of one invented shop, in order of time, and two of them again after its next release, in
another shape. Everything is made up here and follows from SEED, so that a run gives the same bytes on every machine.
Lines are not alike by design: words, fields and values vary as they do in real traffic, with common ones common and
rare ones rare.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sample_words import (
    ADJECTIVES,
    AGENTS,
    CHAT_ANSWERS,
    CHAT_OPENERS,
    CHAT_REQUESTS,
    CITIES,
    FIRST_NAMES,
    NOUNS,
    PRODUCTS,
    REASONS,
    STREETS,
)

SEED = 20_260_401
START = datetime(2026, 4, 1, 6, 0, 0, tzinfo=UTC)
LATER = timedelta(days=33)  # when the shop's next release is out
TARGET = Path(__file__).parent.parent / "aura_stream" / "samples"


class Shop:
    """The state that makes messages hang together: who is logged in, what is in stock, what time it is."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = START
        self.customers = [f"cus_{self.token(10)}" for _ in range(400)]
        self.sessions = [self.uuid() for _ in range(60)]
        self.hosts = [f"10.{self.number(4)}.{self.number(256)}.{n}" for n in range(2, 40)]
        self.order = 4_018_200

    def number(self, start: int, stop: int | None = None) -> int:
        return self.random.randrange(start) if stop is None else self.random.randrange(start, stop)

    def token(self, length: int) -> str:
        return "".join(self.random.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=length))

    def hex(self, length: int) -> str:
        return f"{self.random.getrandbits(length * 4):0{length}x}"

    def uuid(self) -> str:
        digits = self.hex(32)
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def common(self, things: list[str]) -> str:
        """Choose as the world does: the first few often, the last ones seldom (Zipf)."""
        return self.random.choices(things, weights=[1 / (rank + 2) for rank in range(len(things))])[0]

    def tick(self, mean_seconds: float) -> datetime:
        self.now += timedelta(microseconds=int(self.random.expovariate(1 / mean_seconds) * 1e6))
        return self.now

    def price(self) -> float:
        return self.number(199, 24_999) / 100

    def session(self) -> str:
        """Return a running session; now and then one ends and another begins."""
        place = self.number(len(self.sessions))
        if self.random.random() < 0.08:
            self.sessions[place] = self.uuid()
        return self.sessions[place]


def dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def events(shop: Shop) -> Iterator[str]:
    """Yield clickstream and order events, compact JSON, one object a line."""
    kinds = ["page_view", "product_view", "search", "cart_add", "cart_remove", "checkout", "order_paid", "refund"]
    while True:
        kind = shop.random.choices(kinds, weights=[30, 26, 12, 11, 3, 6, 5, 1])[0]
        event: dict[str, object] = {
            "event": kind,
            "id": shop.uuid(),
            "ts": shop.tick(0.4).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "session": shop.session(),
        }
        if shop.random.random() < 0.6:
            event["customer"] = shop.common(shop.customers)
        event.update(event_details(shop, kind))
        event["client"] = {"ip": shop.common(shop.hosts), "app": shop.common(["web", "ios", "android", "kiosk"])}
        if shop.random.random() < 0.35:
            event["client"]["agent"] = shop.common(AGENTS)  # type: ignore[index]
        yield dump(event)


def event_details(shop: Shop, kind: str) -> dict[str, object]:
    product = shop.common(PRODUCTS)
    sku = f"SKU-{PRODUCTS.index(product) + 1001}"
    match kind:
        case "page_view":
            return {"path": shop.common(["/", "/sale", "/account", f"/p/{sku.lower()}", "/help/returns", "/blog"])}
        case "search":
            words = [shop.common(ADJECTIVES), shop.common(NOUNS)]
            return {"query": " ".join(words[shop.number(2) :]), "hits": shop.number(180)}
        case "checkout" | "order_paid":
            shop.order += shop.number(1, 4)
            method = shop.common(["card", "paypal", "invoice", "gift card"])
            return {"order": shop.order, "total": shop.price(), "currency": "EUR", "payment": method}
        case "refund":
            return {"order": shop.order - shop.number(400), "reason": shop.common(REASONS)}
        case _:
            return {"sku": sku, "name": product, "price": shop.price(), "quantity": shop.random.choice([1, 1, 1, 2, 3])}


def logs(shop: Shop) -> Iterator[str]:
    """Yield lines of a web server, a payment service and a job runner, mixed as a collector would mix them."""
    writers: list[Callable[[Shop, datetime], str]] = [access_line, service_line, service_line, job_line]
    while True:
        yield shop.random.choice(writers)(shop, shop.tick(0.7))


def access_line(shop: Shop, now: datetime) -> str:
    method, path = shop.random.choice(
        [
            ("GET", f"/api/v2/products/{shop.number(1001, 1060)}"),
            ("GET", f"/api/v2/search?q={shop.common(NOUNS)}&page={shop.number(1, 9)}"),
            ("POST", f"/api/v2/carts/{shop.hex(12)}/items"),
            ("GET", f"/static/{shop.common(['app', 'vendor', 'theme'])}.{shop.hex(8)}.js"),
            ("PUT", f"/api/v2/customers/{shop.common(shop.customers)}/address"),
            ("GET", "/healthz"),
        ]
    )
    status = shop.random.choices([200, 201, 204, 304, 401, 404, 429, 500, 502], [70, 8, 3, 9, 2, 4, 1, 1, 1])[0]
    stamp = now.strftime("%d/%b/%Y:%H:%M:%S +0000")
    size = shop.number(120, 48_000)
    seconds = shop.random.lognormvariate(-4, 1)
    client = shop.common(shop.hosts)
    return (
        f'{client} - - [{stamp}] "{method} {path} HTTP/1.1" {status} {size} "-" "{shop.common(AGENTS)}" {seconds:.3f}'
    )


def service_line(shop: Shop, now: datetime) -> str:
    stamp = now.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00").replace(".", ",")
    thread = f"http-{shop.number(1, 17)}"
    shop.order += shop.number(0, 2)
    order, why, city, customer = shop.order, shop.common(REASONS), shop.common(CITIES), shop.common(shop.customers)
    mail = shop.common(["receipt", "shipping note", "newsletter", "reminder"])
    head, text = shop.random.choice(
        [
            ("INFO  payments.Gateway", f"authorised order={order} amount={shop.price():.2f} EUR ref={shop.hex(16)}"),
            ("INFO  payments.Gateway", f"captured order={order} in {shop.number(40, 900)} ms"),
            ("INFO  orders.Fulfilment", f"order {order} packed at {city}, parcel {shop.token(12)}"),
            ("WARN  orders.Stock", f"only {shop.number(1, 6)} left of {shop.common(PRODUCTS)}"),
            ("DEBUG cache.Pool", f"{shop.number(3, 64)} of 64 connections in use, waited {shop.random.random():.4f} s"),
            ("ERROR payments.Gateway", f"declined order={order}: {why} (attempt {shop.number(1, 4)} of 3)"),
            ("INFO  mail.Sender", f"queued {mail} for {customer}"),
        ]
    )
    return f"{stamp} [{thread}] {head} - {text}"


def job_line(shop: Shop, now: datetime) -> str:
    stamp = now.strftime("%b %d %H:%M:%S")
    node = f"node-{shop.number(1, 9):02d}"
    job = shop.common(["reindex", "price-feed", "export-orders", "thumbnails", "recommendations", "vacuum"])
    pid = shop.number(300, 32_768)
    done = shop.number(100, 90_000)
    text = shop.random.choice(
        [
            f"started run {shop.uuid()}",
            f"processed {done} rows in {shop.number(1, 400)}.{shop.number(10)}s, {done // 7} changed",
            f"retrying after {shop.common(REASONS)}: sleeping {shop.random.choice([1, 2, 4, 8, 16])} s",
            f"checkpoint 0x{shop.hex(8)} written to /var/lib/jobs/{job}/{now:%Y%m%d}/{shop.number(1000):04d}.state",
            f"finished with status {shop.random.choice([0, 0, 0, 0, 1])}, peak memory {shop.number(40, 900)} MiB",
        ]
    )
    return f"{stamp} {node} {job}[{pid}]: {text}"


def replies(shop: Shop) -> Iterator[str]:
    """Yield bodies of API replies: single objects, small lists and errors."""
    writers = [order_reply, order_reply, product_reply, customer_reply, list_reply, error_reply]
    while True:
        shop.tick(0.9)
        yield dump(shop.random.choice(writers)(shop))


def order_reply(shop: Shop) -> dict[str, object]:
    shop.order += 1
    lines = [
        {
            "sku": f"SKU-{shop.number(1001, 1060)}",
            "quantity": shop.number(1, 4),
            "price": shop.price(),
        }
        for _ in range(shop.random.choice([1, 1, 2, 3]))
    ]
    return {
        "id": shop.order,
        "status": shop.common(["paid", "packed", "shipped", "delivered", "cancelled", "returned"]),
        "created_at": shop.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "customer": shop.common(shop.customers),
        "lines": lines,
        "total": round(sum(float(str(line["price"])) * int(str(line["quantity"])) for line in lines), 2),
        "currency": "EUR",
        "tracking": shop.random.choice([None, shop.token(14)]),
    }


def product_reply(shop: Shop) -> dict[str, object]:
    name = shop.common(PRODUCTS)
    return {
        "sku": f"SKU-{PRODUCTS.index(name) + 1001}",
        "name": name,
        "description": f"{shop.common(ADJECTIVES).capitalize()} {name.lower()}, made for the {shop.common(NOUNS)}.",
        "price": {"amount": shop.price(), "currency": "EUR"},
        "stock": {"available": shop.number(0, 900), "reserved": shop.number(0, 30)},
        "rating": round(shop.random.uniform(2.5, 5), 1),
        "updated_at": shop.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def customer_reply(shop: Shop) -> dict[str, object]:
    return {
        "id": shop.common(shop.customers),
        "name": shop.common(FIRST_NAMES),
        "address": {
            "street": f"{shop.common(STREETS)} {shop.number(1, 190)}",
            "city": shop.common(CITIES),
            "postcode": f"{shop.number(1000, 99_999):05d}",
        },
        "newsletter": shop.random.random() < 0.4,
        "orders": shop.number(0, 40),
    }


def list_reply(shop: Shop) -> dict[str, object]:
    page = shop.number(1, 30)
    skus = [f"SKU-{shop.number(1001, 1060)}" for _ in range(shop.number(2, 9))]
    return {"page": page, "next": f"/api/v2/products?page={page + 1}&limit=20", "total": 1240, "items": skus}


def error_reply(shop: Shop) -> dict[str, object]:
    code, text = shop.random.choice(
        [
            ("not_found", f"order {shop.order - shop.number(9000)} does not exist"),
            ("rate_limited", f"too many requests, retry in {shop.number(1, 60)} s"),
            ("invalid_field", f"'{shop.common(['postcode', 'quantity', 'sku', 'currency'])}' has no valid value"),
            ("payment_declined", shop.common(REASONS)),
        ]
    )
    return {"error": {"code": code, "message": text, "request_id": f"req_{shop.token(16)}"}}


def chat(shop: Shop) -> Iterator[str]:
    """Yield what customers and the help desk type to each other: short, loose, seldom the same twice."""
    while True:
        text = shop.common(shop.random.choice([CHAT_OPENERS, CHAT_REQUESTS, CHAT_REQUESTS, CHAT_ANSWERS, CHAT_ANSWERS]))
        shop.order += shop.number(2)
        text = text.format(
            product=shop.common(PRODUCTS).lower(),
            name=shop.common(FIRST_NAMES),
            city=shop.common(CITIES),
            order=shop.order - shop.number(2000),
            noun=shop.common(NOUNS),
            adjective=shop.common(ADJECTIVES),
            days=shop.number(2, 15),
            hour=shop.number(8, 19),
            price=f"{shop.price():.2f}",
        )
        yield loosened(shop, text)


def loosened(shop: Shop, text: str) -> str:
    """Give a sentence the small irregularities of typing."""
    if shop.random.random() < 0.25:
        text = text[0].lower() + text[1:]
    if shop.random.random() < 0.2:
        text = text.rstrip(".?!") + shop.random.choice(["", "!", "...", " :)", " 🙏", " please", "??"])
    return text


def later_events(shop: Shop) -> Iterator[str]:
    """Yield the same events after the shop's next release: other names, an envelope, another clock."""
    kinds = ["page.viewed", "product.viewed", "search.done", "cart.added", "cart.removed", "order.placed", "order.paid"]
    while True:
        kind = shop.random.choices(kinds, weights=[30, 26, 12, 14, 3, 6, 5])[0]
        actor: dict[str, object] = {"session": shop.session(), "consent": shop.random.random() < 0.7}
        if shop.random.random() < 0.6:
            actor["customer"] = shop.common(shop.customers)
        yield dump(
            {
                "v": 3,
                "type": f"shop.{kind}",
                "at": int((shop.tick(0.4) + LATER).timestamp() * 1000),
                "trace": shop.hex(16),
                "actor": actor,
                "data": later_details(shop, kind.partition(".")[0]),
                "device": {
                    "build": shop.common(["8.0.1", "8.0.0", "7.15.0"]),
                    "os": shop.common(["ios", "android", "web"]),
                },
            }
        )


def later_details(shop: Shop, kind: str) -> dict[str, object]:
    product = shop.common(PRODUCTS)
    match kind:
        case "page":
            return {"route": shop.common(["home", "sale", "account", "returns"]), "ms": shop.number(20, 900)}
        case "search":
            return {"terms": [shop.common(ADJECTIVES), shop.common(NOUNS)], "found": shop.number(180)}
        case "order":
            shop.order += shop.number(1, 4)
            return {
                "order_id": shop.order,
                "amount_cents": shop.number(199, 24_999),
                "method": shop.common(["card", "paypal"]),
            }
        case _:
            return {"item": PRODUCTS.index(product) + 1001, "title": product, "cents": shop.number(199, 24_999)}


def later_logs(shop: Shop) -> Iterator[str]:
    """Yield what the same services write after that release: logfmt."""
    while True:
        stamp = (shop.tick(0.7) + LATER).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        shop.order += shop.number(0, 2)
        level, service, text = shop.random.choice(
            [
                ("info", "payments", f'msg="payment authorised" order={shop.order} cents={shop.number(199, 24_999)}'),
                ("info", "payments", f'msg="payment captured" order={shop.order} took={shop.number(40, 900)}ms'),
                ("error", "payments", f'msg="payment declined" order={shop.order} reason="{shop.common(REASONS)}"'),
                ("info", "gateway", f"msg=request method=GET route=/v3/products/{shop.number(1001, 1060)} status=200"),
                (
                    "info",
                    "gateway",
                    f"msg=request method=POST route=/v3/carts/{shop.hex(12)} status={shop.common(['201', '409'])}",
                ),
                ("warn", "stock", f'msg="running low" item={shop.number(1001, 1060)} left={shop.number(1, 6)}'),
                (
                    "info",
                    "jobs",
                    f"msg=finished job={shop.common(['reindex', 'vacuum'])} rows={shop.number(100, 90_000)}",
                ),
            ]
        )
        pod = f"{service}-{shop.number(1, 6)}"
        yield f"ts={stamp} level={level} svc={service} pod={pod} trace={shop.hex(16)} {text}"


FILES: dict[str, tuple[Callable[[Shop], Iterator[str]], int]] = {
    "events.jsonl": (events, 900),
    "logs.txt": (logs, 1400),
    "api.jsonl": (replies, 800),
    "chat.txt": (chat, 1400),
    "later_events.jsonl": (later_events, 500),
    "later_logs.txt": (later_logs, 900),
}


def main(target: Path) -> None:
    """Write the files into `target`."""
    target.mkdir(parents=True, exist_ok=True)
    for number, (name, (writer, count)) in enumerate(FILES.items()):
        lines = writer(Shop(SEED + number))
        text = "".join(f"{next(lines)}\n" for _ in range(count))
        (target / name).write_bytes(text.encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
