//! Decodes published ports.

use crate::model::{Attributes, Form, PORTS, Port, Protocol};

use super::super::language;
use super::super::tree::{Node, Value};
use super::super::{Code, Diagnostic};
use super::{At, Decoder, Reader, split_outside_braces};

const PROTOCOLS: [(&str, Protocol); 3] = [
    ("tcp", Protocol::Tcp),
    ("udp", Protocol::Udp),
    ("sctp", Protocol::Sctp),
];

const HELP: &str =
    "a port is \"8080:80\", \"127.0.0.1:8080:80/udp\" or { target = 80, published = \"8080\" }";

impl<'a, 'n, F: Form> Reader<'_, 'a, 'n, F> {
    pub(super) fn ports(&mut self) -> Vec<F::Value<Port<F>>> {
        self.with("ports", |decoder, node, path| {
            let mut ports = Vec::new();
            for (index, item) in decoder.port_items(node, path).iter().enumerate() {
                let at = path.join(index);
                if let Some(template) = decoder.variable_in(item) {
                    // Where it splits depends on the values, so it stays as it was written.
                    ports.extend(F::raw(template.clone()));
                } else if item.table().is_some() {
                    ports.extend(decoder.long_port(item, &at).map(F::literal));
                } else {
                    let found = decoder.short_ports(item, &at).unwrap_or_default();
                    ports.extend(found.into_iter().map(F::literal));
                }
            }
            ports.dedup();
            Some(ports)
        })
        .unwrap_or_default()
    }
}

impl<'a, F: Form> Decoder<'a, F> {
    fn port_items<'n>(&mut self, node: &'n Node, path: &At<'_>) -> &'n [Node] {
        match &node.value {
            Value::List(items) => items,
            _ => {
                self.wrong_type(node, path, "a list");
                &[]
            }
        }
    }

    fn long_port(&mut self, node: &Node, path: &At<'_>) -> Option<Port<F>> {
        let mut reader = Reader::open(self, node, path, &language::PORT)?;
        let target = reader.with("target", |decoder, node, path| {
            decoder.value(node, path, |decoder, node, path| {
                let number = decoder.known_integer(node, path)?;
                let port = u16::try_from(number).ok().filter(|port| *port > 0);
                if port.is_none() {
                    let message = format!("{path}: {number} is no port");
                    decoder.bad_value(Code::BadPort, node, message, "", None);
                }
                port
            })
        });
        let has_target = node.get("target").is_some();
        let published = reader.with("published", Decoder::loose_text);
        let host_ip = reader.text("host_ip");
        let protocol = reader.with("protocol", |decoder, node, path| {
            decoder.value(node, path, |decoder, node, path| {
                decoder.choice(node, path, &PROTOCOLS)
            })
        });
        let name = reader.text("name");
        let app_protocol = reader.text("app_protocol");
        let mode = reader.text("mode");
        let more = reader.carry(&[]);
        reader.finish();
        if !has_target {
            let message = format!("{path} does not say which port it is inside");
            self.tell(
                Diagnostic::error(Code::MissingKey, message, node.at.label("no target"))
                    .with_help(HELP),
            );
        }
        Some(Port {
            target: target?,
            published,
            host_ip,
            protocol: protocol.unwrap_or_else(|| F::literal(Protocol::Tcp)),
            name,
            app_protocol,
            mode,
            more,
        })
    }

    fn short_ports(&mut self, node: &Node, path: &At<'_>) -> Option<Vec<Port<F>>> {
        let text = match &node.value {
            Value::Integer { text, .. } => text.to_string(),
            _ => self.known_text(node, path)?,
        };
        match parse_short(&text, &mut self.ports_left) {
            Ok(short) => Some(short.into_iter().map(Short::into_port).collect()),
            Err(reason) => {
                let message = format!("{path}: {text:?} {reason}");
                self.bad_value(Code::BadPort, node, message, "", Some(HELP.to_owned()));
                None
            }
        }
    }
}

/// A port in its short form, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Short {
    target: u16,
    published: Option<String>,
    host_ip: Option<String>,
    protocol: Protocol,
}

impl Short {
    fn into_port<F: Form>(self) -> Port<F> {
        Port {
            target: F::literal(self.target),
            published: self.published.map(F::literal),
            host_ip: self.host_ip.map(F::literal),
            protocol: F::literal(self.protocol),
            name: None,
            app_protocol: None,
            mode: None,
            more: Attributes::<F>::new(),
        }
    }
}

/// Parses `[[address:]published:]target[/protocol]`, ranges included.
fn parse_short(text: &str, left: &mut usize) -> Result<Vec<Short>, String> {
    let (address, protocol) = match text.split_once('/') {
        Some((address, protocol)) => (address, protocol.to_ascii_lowercase()),
        None => (text, "tcp".to_owned()),
    };
    let protocol = PROTOCOLS
        .iter()
        .find(|(name, _)| *name == protocol)
        .map(|(_, protocol)| *protocol)
        .ok_or_else(|| format!("has no protocol {protocol:?}: tcp, udp or sctp"))?;
    let parts = split_outside_braces(address, ':');
    let (host_ip, published, target) = match parts.as_slice() {
        [target] => (None, None, *target),
        [published, target] => (None, Some(*published), *target),
        [ip, published, target] => (Some(*ip), Some(*published), *target),
        _ => return Err("has too many colons; an IPv6 address stands in brackets".to_owned()),
    };
    let host_ip = host_ip
        .map(|ip| ip.trim_start_matches('[').trim_end_matches(']'))
        .filter(|ip| !ip.is_empty())
        .map(str::to_owned);
    if let Some(ip) = &host_ip
        && ip.parse::<std::net::IpAddr>().is_err()
    {
        return Err(format!("has no IP address before the ports: {ip:?}"));
    }
    let published = published.filter(|published| !published.is_empty());
    let (first, last) = range(target)?;
    // Before they are made: a few words may stand for many ports.
    *left = left
        .checked_sub(usize::from(last - first) + 1)
        .ok_or_else(|| format!("is one range too many: the ports of a stack may be {PORTS}"))?;
    let one = |target: u16, published: Option<String>| Short {
        target,
        published,
        host_ip: host_ip.clone(),
        protocol,
    };
    let Some(published) = published else {
        return Ok((first..=last).map(|target| one(target, None)).collect());
    };
    let (from, to) = range(published)?;
    if first == last {
        return Ok(vec![one(first, Some(published.to_owned()))]);
    }
    if to - from != last - first {
        return Err("has two ranges of different lengths".to_owned());
    }
    Ok((first..=last)
        .zip(from..=to)
        .map(|(target, published)| one(target, Some(published.to_string())))
        .collect())
}

/// Parses `80` or `80-90`.
fn range(text: &str) -> Result<(u16, u16), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ if text.is_empty() => Err("lacks a port".to_owned()),
        _ => Err("is no port: a port is a number from 1 to 65535".to_owned()),
    };
    let (first, last) = (port(first)?, port(last)?);
    if first > last {
        return Err("has a range that runs backwards".to_owned());
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ports_are_read_as_in_compose() {
        for (text, expected) in [
            ("80", vec![(80, None, None)]),
            ("8080:80", vec![(80, Some("8080"), None)]),
            (":80", vec![(80, None, None)]),
            ("127.0.0.1::82", vec![(82, None, Some("127.0.0.1"))]),
            ("[::1]:83:84", vec![(84, Some("83"), Some("::1"))]),
            ("8080-8082:80", vec![(80, Some("8080-8082"), None)]),
            (
                "81-82:91-92",
                vec![(91, Some("81"), None), (92, Some("82"), None)],
            ),
            ("5000-5001", vec![(5000, None, None), (5001, None, None)]),
        ] {
            let found = parse_short(text, &mut PORTS.clone()).expect(text);
            let found: Vec<_> = found
                .iter()
                .map(|port| {
                    (
                        port.target,
                        port.published.as_deref(),
                        port.host_ip.as_deref(),
                    )
                })
                .collect();
            assert_eq!(found, expected, "{text}");
        }
        for text in [
            "80:",
            "::1:80:80",
            "81-82:91-93",
            "0",
            "x:80",
            "80/icmp",
            "9-8",
            "70000",
        ] {
            assert!(parse_short(text, &mut PORTS.clone()).is_err(), "{text}");
        }
    }
}
