//! Places for scrapes under way.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a client is: its address, of which IPv6 leaves it the last 64 bits to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network(u128);

impl From<SocketAddr> for Network {
    fn from(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => Network(ip.to_ipv6_mapped().to_bits()),
            IpAddr::V6(ip) => Network(ip.to_bits() & !u128::from(u64::MAX)),
        }
    }
}

/// Who asks for a scrape.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Client {
    /// Not known where another server talks to the client.
    pub(super) network: Option<Network>,
    /// One of those for whom the last places are kept.
    pub(super) is_preferred: bool,
}

/// A number of places, each of which one scrape has for its time.
///
/// The more of them a network has, the more must be free for it to get another: of its own, less than `share` times as many. So one
/// network may use most of them where nobody else asks, and never takes the last ones.
#[derive(Clone, Debug)]
pub(super) struct Places {
    limit: usize,
    share: usize,
    taken: Arc<Mutex<Vec<Option<Network>>>>,
}

impl Places {
    pub(super) fn new(limit: usize, share: usize) -> Self {
        Self { limit, share, taken: Arc::default() }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A place, if more than `spare` are free, and enough beside those of the client's network.
    pub(super) fn take(&self, client: Client, spare: usize) -> Option<Place> {
        let mut taken = locked(&self.taken);
        let free = self.limit.saturating_sub(taken.len());
        let is_greedy = client.network.is_some_and(|_| {
            let own = taken.iter().filter(|network| **network == client.network).count();
            own >= free.saturating_mul(self.share)
        });
        if free <= spare || is_greedy {
            return None;
        }
        taken.push(client.network);
        Some(Place { network: client.network, taken: Arc::clone(&self.taken) })
    }
}

/// A place that is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    network: Option<Network>,
    taken: Arc<Mutex<Vec<Option<Network>>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = locked(&self.taken);
        // One of its network's is as good as another.
        if let Some(at) = taken.iter().position(|network| *network == self.network) {
            taken.swap_remove(at);
        }
    }
}

fn locked(taken: &Mutex<Vec<Option<Network>>>) -> MutexGuard<'_, Vec<Option<Network>>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(host: u8) -> Client {
        Client { network: Some(SocketAddr::from(([127, 0, 0, host], 9)).into()), is_preferred: true }
    }

    /// So many as each of the clients, one after the other, gets.
    fn all(places: &Places, clients: &[Client]) -> Vec<usize> {
        let mut taken = Vec::new();
        let number = |client: &Client| {
            let before = taken.len();
            taken.extend(std::iter::from_fn(|| places.take(*client, 0)));
            taken.len() - before
        };
        let numbers = clients.iter().map(number).collect();
        taken.truncate(0);
        assert!(locked(&places.taken).is_empty());
        numbers
    }

    #[test]
    fn a_network_leaves_places_to_others() {
        assert_eq!(all(&Places::new(64, 4), &[client(1), client(2), client(3)]), [52, 10, 2]);
        assert_eq!(all(&Places::new(4, 1), &[client(1), client(2), client(3)]), [2, 1, 1]);
        assert_eq!(all(&Places::new(1, 4), &[client(1), client(2)]), [1, 0]);
        assert_eq!(all(&Places::new(64, 4), &[Client::default()]), [64]);
    }

    #[test]
    fn what_is_given_back_is_free_for_its_network() {
        let places = Places::new(64, 4);
        let mut greedy: Vec<_> = std::iter::from_fn(|| places.take(client(1), 0)).collect();
        let other = places.take(client(2), 0).unwrap();
        greedy.truncate(10);
        greedy.extend(std::iter::from_fn(|| places.take(client(1), 0)));
        assert_eq!(greedy.len(), 51);
        drop(other);
        assert!(places.take(client(1), 0).is_some());
    }

    #[test]
    fn the_last_64_bits_of_ipv6_are_one_network() {
        let network = |ip: &str| Network::from(SocketAddr::new(ip.parse().unwrap(), 1));
        assert_eq!(network("2001:db8::1"), network("2001:db8::2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }
}
