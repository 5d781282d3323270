"""What the routes work with; made in the process that serves, and ended with it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from bot.clients.actions import ActionsClient
from bot.clients.engine import EngineClient
from bot.content.institutions import Institution, load_institutions
from bot.contracts.keys import derive, load_or_create_master_key
from bot.contracts.turn import SIGN_INTERNAL, SIGN_TURNS
from bot.conversations.log import ConversationLog
from bot.gateway.incoming import Reader
from bot.gateway.known import Known
from bot.gateway.limits import Gate, Limits, Rates
from bot.gateway.links import Links
from bot.gateway.metrics import GatewayMetrics
from bot.gateway.news import News
from bot.gateway.turns import Turns
from bot.settings import Settings


@dataclass
class Parts:
    settings: Settings
    institutions: dict[str, Institution]
    log: ConversationLog
    engine: EngineClient
    actions: ActionsClient
    known: Known
    reader: Reader
    turns: Turns
    news: News
    gate: Gate
    rates: Rates
    links: Links
    proxies: tuple[IPv4Network | IPv6Network, ...]
    button_key: bytes
    is_ending: bool = False

    async def finish(self) -> None:
        """End in order: what is under way, then the streams, then what they stood on."""
        await self.turns.finish()
        await self.news.close()
        await self.engine.close()
        await self.actions.close()
        await self.log.close()


async def build(settings: Settings, limits: Limits, metrics: GatewayMetrics) -> Parts:
    settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    master = load_or_create_master_key(settings.key_file)
    institutions = dict(load_institutions())
    log = ConversationLog(settings.conversations_url)
    await log.start()
    engine = EngineClient(settings.engine_urls, derive(master, SIGN_TURNS))
    actions = ActionsClient(settings.actions_urls, derive(master, SIGN_INTERNAL))
    key = derive(master, "sign buttons")
    reader, gate, news = Reader(institutions, key), Gate(limits), News(log)
    metrics.watch("anxin_engines_ready", "engines that take turns", lambda: engine.ready)
    metrics.watch("anxin_turns_waiting", "messages that wait for their turn", lambda: gate.waiting)
    metrics.watch("anxin_streams", "streams that are open", lambda: news.streams)
    return Parts(
        settings=settings,
        institutions=institutions,
        log=log,
        engine=engine,
        actions=actions,
        known=Known(log),
        reader=reader,
        turns=Turns(log, engine, actions, reader, gate, news),
        news=news,
        gate=gate,
        rates=Rates(limits),
        links=Links(master, institutions, metrics.link),
        proxies=tuple(ip_network(proxy, strict=False) for proxy in settings.proxies),
        button_key=key,
    )
