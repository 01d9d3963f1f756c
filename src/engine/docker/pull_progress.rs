//! How far a pull is, from the lines that the engine writes about each layer.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::PullProgress;

/// What the engine has said of the layers of one image so far.
#[derive(Debug, Default)]
pub(super) struct Layers {
    layers: BTreeMap<String, Layer>,
}

#[derive(Debug, Default)]
struct Layer {
    fetched: u64,
    size: u64,
    is_done: bool,
}

impl Layers {
    /// Takes a line in and returns whether it is about a layer.
    pub(super) fn take(&mut self, line: &Value) -> bool {
        let text = |key: &str| line.get(key).and_then(Value::as_str);
        let (Some(id), Some(status)) = (text("id"), text("status")) else {
            return false;
        };
        // Here the id is the tag.
        if status.starts_with("Pulling from") {
            return false;
        }
        let number = |key: &str| {
            let value = line.get("progressDetail")?.get(key)?.as_u64()?;
            Some(value)
        };
        let layer = self.layers.entry(id.to_owned()).or_default();
        match status {
            "Downloading" => {
                layer.fetched = number("current").unwrap_or(layer.fetched);
                layer.size = number("total").unwrap_or(layer.size).max(layer.fetched);
            }
            "Verifying Checksum" | "Download complete" | "Extracting" => layer.fetched = layer.size,
            "Pull complete" | "Already exists" => {
                layer.fetched = layer.size;
                layer.is_done = true;
            }
            _ => {}
        }
        true
    }

    pub(super) fn progress(&self) -> PullProgress {
        let layers = self.layers.values();
        PullProgress {
            layers_done: layers.clone().filter(|layer| layer.is_done).count(),
            layers: self.layers.len(),
            bytes_done: layers.clone().map(|layer| layer.fetched).sum(),
            bytes: layers.map(|layer| layer.size).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &str) -> PullProgress {
        let mut layers = Layers::default();
        for line in lines.lines() {
            layers.take(&serde_json::from_str(line).unwrap());
        }
        layers.progress()
    }

    #[test]
    fn layers_and_bytes_are_counted_as_the_engine_tells_them() {
        let begun = r#"{"status":"Pulling from a/b","id":"1"}
            {"status":"Already exists","progressDetail":{},"id":"aa"}
            {"status":"Pulling fs layer","progressDetail":{},"id":"bb"}
            {"status":"Waiting","progressDetail":{},"id":"cc"}
            {"status":"Downloading","progressDetail":{"current":30,"total":100},"progress":"[=>","id":"bb"}"#;
        let expected = |layers_done, bytes_done, bytes| PullProgress {
            layers_done,
            layers: 3,
            bytes_done,
            bytes,
        };
        assert_eq!(after(begun), expected(1, 30, 100));
        let more = r#"
            {"status":"Download complete","progressDetail":{},"id":"bb"}
            {"status":"Extracting","progressDetail":{"current":5,"total":100},"id":"bb"}
            {"status":"Downloading","progressDetail":{"current":1,"total":7},"id":"cc"}"#;
        assert_eq!(after(&format!("{begun}{more}")), expected(1, 101, 107));
        let end = r#"
            {"status":"Pull complete","progressDetail":{},"id":"bb"}
            {"status":"Pull complete","progressDetail":{},"id":"cc"}
            {"status":"Digest: sha256:00"}
            {"status":"Status: Downloaded newer image for a/b:1"}"#;
        let all = format!("{begun}{more}{end}");
        assert_eq!(after(&all), expected(3, 107, 107));
    }
}
