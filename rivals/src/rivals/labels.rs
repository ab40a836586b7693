//! Label sets as users of `prometheus-client`, `fastmetrics` and `foundations-metrics` write them.

use ::fastmetrics::derive::LabelSet;
use ::prometheus_client::encoding::EncodeLabelSet;
use serde::Serialize;

use crate::workload::Key;

/// Of strings that live for ever: looked up without an allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet, LabelSet, Serialize)]
pub(super) struct Borrowed {
    method: &'static str,
    path: &'static str,
    status: &'static str,
}

/// Of strings as they come with a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet, LabelSet, Serialize)]
pub(super) struct Owned {
    method: String,
    path: String,
    status: String,
}

impl From<Key> for Borrowed {
    #[inline]
    fn from([method, path, status]: Key) -> Self {
        Self { method, path, status }
    }
}

impl From<[&str; 3]> for Owned {
    fn from(key: [&str; 3]) -> Self {
        let [method, path, status] = key.map(str::to_owned);
        Self { method, path, status }
    }
}
