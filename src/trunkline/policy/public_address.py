"""Which addresses are on the public net: what is fetched because somebody named it must not reach into a network of ours."""

from __future__ import annotations

_PRIVATE = (
    # IPv4: "this" net, private, shared (CGNAT), loopback, link-local (and the metadata of clouds), protocol assignments,
    # documentation, 6to4 relays, Azure's host, benchmarks, multicast, reserved (IANA registry; RFC 6890).
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "168.63.129.16/32", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    # IPv6: within what is global unicast (RFC 4291, 2.4) that which stands for an IPv4 address or for nobody.
    "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)  # fmt: skip
_GLOBAL_V6 = "2000::/3"


def is_public(address: str) -> bool:
    """Whether an IP address, as the resolver writes it, is one on the public net. IPv6 addresses that stand for an IPv4 one
    (mapped, 6to4, NAT64, Teredo) are not: they lead wherever that is."""
    from ipaddress import ip_address, ip_network  # 3 ms, and few calls fetch anything

    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if ip.version == 6 and ip not in ip_network(_GLOBAL_V6):
        return False
    return not any(ip in ip_network(network) for network in _PRIVATE)
