//! Where webhooks may lead: to public addresses, and to networks that the operator listed.
//!
//! Looked at when the connection is made, at the addresses that it is made to: a name that resolves
//! to something else a moment later changes nothing.
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A network: an address and how many bits of it count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "not a network; give an address and its bits, such as 10.20.0.0/16 or fd00::/8".to_owned();
        let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
        let (address, bits) = (address.parse::<IpAddr>().map_err(|_| wrong())?, bits.parse().map_err(|_| wrong())?);
        let most = if address.is_ipv4() { 32 } else { 128 };
        if bits > most { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

impl Network {
    /// Whether an address is in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(net) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(net), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                u128::from(net) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}

/// What is not on the public internet (IANA's special-purpose registries, RFC 6890 and its successors).
const NOT_PUBLIC_4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Whether an address is on the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let within = |(net, bits): &(Ipv4Addr, u8)| {
                Network { address: IpAddr::V4(*net), bits: *bits }.holds(IpAddr::V4(address))
            };
            !NOT_PUBLIC_4.iter().any(within)
        }
        IpAddr::V6(address) => is_public_6(address),
    }
}

fn is_public_6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let inner = |high: u16, low: u16| is_public(IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))));
    match parts {
        // An IPv4 address in another coat counts as what it is: mapped, NAT64, 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            inner(high, low)
        }
        // Teredo, benchmarking, documentation and their like.
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        [0x3fff, second, ..] => second >= 0x1000,
        // All that is given out so far is in 2000::/3.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Which addresses may be called.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Networks that may be called although they are not public.
    pub listed: Arc<[Network]>,
}

impl Reach {
    /// Whether an address may be called; without encryption only where the operator listed it.
    pub fn allows(&self, address: IpAddr, encrypted: bool) -> bool {
        let plain = address.to_canonical();
        let is_listed = self.listed.iter().any(|network| network.holds(address) || network.holds(plain));
        is_listed || (encrypted && is_public(address))
    }

    /// Whether the host of an address may be called, as far as it says so itself: a name is resolved when it is called.
    pub fn allows_host(&self, url: &reqwest::Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        host.parse().map_or(true, |address| self.allows(address, url.scheme() == "https"))
    }

    /// Resolves names to addresses that may be called, with encryption or without.
    pub fn resolver(&self, encrypted: bool) -> Resolver {
        Resolver { reach: self.clone(), encrypted }
    }
}

/// An address that may not be called.
#[derive(Debug)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to addresses that may not be called")
    }
}

impl std::error::Error for Refused {}

/// Resolves names to addresses that may be called.
#[derive(Clone, Debug)]
pub struct Resolver {
    /// Which may.
    pub reach: Reach,
    /// Whether calls are encrypted.
    pub encrypted: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, encrypted) = (self.reach.clone(), self.encrypted);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One that is private among public ones is left out: the connection goes to the others.
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|address| reach.allows(address.ip(), encrypted)).collect();
            if allowed.is_empty() {
                return Err(Refused.into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_not_public_in_any_coat() {
        let private = [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.19.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "::127.0.0.1",
            "2001:db8::1",
            "2001:0:4136:e378::",
            "64:ff9b:1::1",
            "100::1",
            "fec0::1",
        ];
        for address in private {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "193.191.245.1", "172.32.0.1", "2a02:2788::1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_listed_network_may_be_called_and_only_it_without_encryption() {
        let reach = Reach { listed: ["10.20.0.0/16", "::1/128"].map(|net| net.parse().unwrap()).into() };
        let allows = |address: &str, encrypted| reach.allows(address.parse().unwrap(), encrypted);
        assert!(allows("10.20.3.4", false) && allows("::ffff:10.20.3.4", false) && allows("::1", true));
        assert!(!allows("10.21.3.4", true) && !allows("::2", true) && !allows("127.0.0.1", true));
        assert!(allows("1.1.1.1", true) && !allows("1.1.1.1", false));
        for wrong in ["10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/-1"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        assert!("0.0.0.0/0".parse::<Network>().unwrap().holds("9.9.9.9".parse().unwrap()));
    }
}
