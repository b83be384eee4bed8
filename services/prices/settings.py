"""What the prices service is told."""

from dataclasses import dataclass

from services.kit.settings import CommonSettings, DatabaseSettings, setting

VENUES = ("binance", "coinbase", "kraken")

# The default choice on live exchanges: liquid, and listed against the dollar by most of them.
BEST_KNOWN = tuple(
    f"{base}-USD"
    for base in (
        *("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "DOT", "LTC"),
        *("BCH", "UNI", "ATOM", "XLM", "NEAR", "AAVE", "ETC", "ALGO", "FIL", "SUI"),
    )
)


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings, DatabaseSettings):
    """Settings of the prices service."""

    port: int = setting("CV_PRICES_PORT", "gRPC port", default=50052, minimum=1, maximum=65535)
    venues: tuple[str, ...] = setting(
        "CV_PRICES_VENUES", "Exchanges to ingest, separated by commas", default=VENUES, choices=VENUES
    )
    symbols: tuple[str, ...] = setting(
        "CV_PRICES_SYMBOLS",
        "Symbols to price, separated by commas; when empty, all that simulated venues list, or about 20 of the best "
        "known against the dollar",
        default=(),
    )
    simulated: bool = setting(
        "CV_PRICES_SIMULATED", "The venues are played by the simulator: every price says so", default=False
    )
    usdt_as_usd: bool = setting(
        "CV_PRICES_USDT_AS_USD",
        "Take a venue's USDT pairs for USD where it has no USD pair; the confidence is widened by 10 bp",
        default=True,
    )
    publish_hz: float = setting(
        "CV_PRICES_PUBLISH_HZ", "Most prices published per symbol and second", default=10.0, minimum=0.1, maximum=1000
    )
    binance_url: str = setting(
        "CV_PRICES_BINANCE_URL", "Base of Binance's WebSocket address", default="wss://stream.binance.com:9443"
    )
    binance_rest_url: str = setting(
        "CV_PRICES_BINANCE_REST_URL", "Base of Binance's REST address", default="https://api.binance.com"
    )
    coinbase_url: str = setting(
        "CV_PRICES_COINBASE_URL", "Coinbase's WebSocket address", default="wss://ws-feed.exchange.coinbase.com"
    )
    coinbase_rest_url: str = setting(
        "CV_PRICES_COINBASE_REST_URL", "Base of Coinbase's REST address", default="https://api.exchange.coinbase.com"
    )
    kraken_url: str = setting(
        "CV_PRICES_KRAKEN_URL", "Base of Kraken's WebSocket address", default="wss://ws.kraken.com"
    )
    kraken_rest_url: str = setting(
        "CV_PRICES_KRAKEN_REST_URL", "Base of Kraken's REST address", default="https://api.kraken.com"
    )
