//! Address ranges of networks: the engine refuses a network whose range overlaps with that of another one.

use std::net::IpAddr;

use crate::model::{NetworkName, NetworkSpec};

use super::planner::Planner;
use super::{Action, Note};

/// An address range, such as `10.5.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Subnet {
    first: u128,
    bits: u32,
    is_v6: bool,
}

impl Subnet {
    /// Returns the range that a text names; `None` for what is none: the engine tells about that.
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.trim().split_once('/')?;
        let length: u32 = length.parse().ok()?;
        let (number, width, is_v6): (u128, u32, bool) = match address.parse().ok()? {
            IpAddr::V4(address) => (u128::from(address.to_bits()), 32, false),
            IpAddr::V6(address) => (address.to_bits(), 128, true),
        };
        let bits = width.checked_sub(length)?;
        // A shift by the whole width would be an overflow.
        let first = number.checked_shr(bits).unwrap_or(0);
        Some(Self { first, bits, is_v6 })
    }

    fn overlaps(self, other: Self) -> bool {
        let bits = self.bits.max(other.bits);
        let prefix = |it: Self| it.first.checked_shr(bits - it.bits).unwrap_or(0);
        self.is_v6 == other.is_v6 && prefix(self) == prefix(other)
    }
}

impl Planner<'_> {
    /// Says which ranges of a network that is to be made overlap with those of one that is there, or that this plan makes too.
    pub(super) fn note_taken_subnets(&mut self, key: &NetworkName, spec: &NetworkSpec) {
        let is_default = |driver: &str| driver.is_empty() || driver == "default";
        if !spec.ipam_driver.as_deref().is_none_or(is_default) {
            return;
        }
        let wanted = spec.pools.iter().filter_map(|pool| pool.subnet.as_deref());
        let mut notes = Vec::new();
        for (text, subnet) in wanted.filter_map(|text| Some((text, Subnet::parse(text)?))) {
            let overlaps = |(_, other): &(String, String)| {
                Subnet::parse(other).is_some_and(|other| subnet.overlaps(other))
            };
            if let Some((network, other)) = self.subnets().find(overlaps) {
                notes.push(Note::SubnetTaken {
                    network: key.clone(),
                    subnet: text.to_owned(),
                    by: format!("{other} of network {network}"),
                });
            }
        }
        self.notes.extend(notes);
    }

    /// Returns every range that is taken, with its network.
    fn subnets(&self) -> impl Iterator<Item = (String, String)> {
        let foreign = self.observed.foreign_subnets.iter();
        let foreign = foreign.flat_map(|(name, subnets)| {
            let pair = |subnet: &String| (name.clone(), subnet.clone());
            subnets.iter().map(pair)
        });
        let own = self
            .observed
            .networks
            .iter()
            .map(|it| (&it.name, &it.pools));
        let made = self.steps.iter().filter_map(|step| {
            let Action::CreateNetwork(spec) = &step.action else {
                return None;
            };
            Some((&spec.name, &spec.pools))
        });
        let others = own.chain(made).flat_map(|(name, pools)| {
            let subnets = pools.iter().filter_map(|pool| pool.subnet.clone());
            subnets.map(|subnet| (name.clone(), subnet))
        });
        foreign.chain(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_overlap_where_one_holds_the_other() {
        for (a, b, expected) in [
            ("10.5.0.0/16", "10.5.7.0/24", true),
            ("10.5.7.0/24", "10.5.0.0/16", true),
            ("10.5.0.0/16", "10.6.0.0/16", false),
            ("10.5.0.1/16", "10.5.0.0/16", true),
            ("0.0.0.0/0", "10.6.0.0/16", true),
            ("10.5.0.0/32", "10.5.0.1/32", false),
            ("fd00::/8", "fd12::/64", true),
            ("::/0", "10.6.0.0/16", false),
        ] {
            let parse = |text| Subnet::parse(text).unwrap();
            assert_eq!(parse(a).overlaps(parse(b)), expected, "{a} {b}");
        }
        for text in ["10.5.0.0", "10.5.0.0/33", "x/8", "10.5.0.0/-1", ""] {
            assert_eq!(Subnet::parse(text), None, "{text}");
        }
    }
}
