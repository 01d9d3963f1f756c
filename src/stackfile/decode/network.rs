//! Decodes how a container is attached to networks.

use indexmap::IndexMap;

use crate::model::{Attachment, Endpoint, Form, NetworkName};

use super::super::language;
use super::super::tree::{Node, Value};
use super::{At, Decoder, Reader};

impl<'a, 'n, F: Form> Reader<'_, 'a, 'n, F> {
    pub(super) fn attachment(&mut self) -> Attachment<F> {
        let mode = self.text("network_mode");
        let networks = self
            .with("networks", Decoder::endpoints)
            .unwrap_or_default();
        match mode {
            // A `networks` from [defaults.service] gives way; both in one place is told by the caller.
            Some(mode) if networks.is_empty() => Attachment::Mode(mode),
            Some(mode) => {
                self.exclusive(&["networks", "network_mode"]);
                Attachment::Mode(mode)
            }
            None => Attachment::Networks(networks),
        }
    }
}

impl<'a, F: Form> Decoder<'a, F> {
    fn endpoints(
        &mut self,
        node: &Node,
        path: &At<'_>,
    ) -> Option<IndexMap<NetworkName, Endpoint<F>>> {
        let Some(table) = node.table() else {
            if node.list().is_some_and(<[Node]>::is_empty) {
                return Some(IndexMap::new());
            }
            self.wrong_type(node, path, "a list of names, or a table");
            return None;
        };
        // One network is the rule, and room for four, which a map makes at first, was 700 bytes a service.
        let mut endpoints = IndexMap::with_capacity(table.len());
        for (key, inner) in table {
            let name = self.key_name(key, inner, NetworkName::new);
            let endpoint = if inner.value == Value::Null {
                Some(Endpoint::default())
            } else {
                self.endpoint(inner, &path.join(key))
            };
            if let Some((name, endpoint)) = name.zip(endpoint) {
                endpoints.insert(name, endpoint);
            }
        }
        Some(endpoints)
    }

    fn endpoint(&mut self, node: &Node, path: &At<'_>) -> Option<Endpoint<F>> {
        let mut reader = Reader::open(self, node, path, &language::ENDPOINT)?;
        let endpoint = Endpoint {
            aliases: reader.texts("aliases"),
            ipv4_address: reader.text("ipv4_address"),
            ipv6_address: reader.text("ipv6_address"),
            priority: reader.with("priority", Decoder::known_integer).unwrap_or(0),
            mac_address: reader.text("mac_address"),
            more: reader.carry(language::ENDPOINT_CARRIED),
        };
        reader.finish();
        Some(endpoint)
    }
}
