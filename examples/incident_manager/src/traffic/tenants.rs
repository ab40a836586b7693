//! As whom the traffic asks.

use std::borrow::Cow;

/// The tenants that there are.
pub(super) const CUSTOMERS: [&str; 5] = ["acme", "globex", "initech", "hooli", "umbrella"];

/// The tenants that a scan makes up.
const MADE_UP: u32 = 100_000;

/// Decides as which tenant to ask next.
#[derive(Debug)]
pub(super) struct Tenants {
    scans: bool,
    asked: u32,
}

impl Tenants {
    pub(super) fn new(scans: bool) -> Tenants {
        Tenants { scans, asked: 0 }
    }

    /// Customers in turn. In a scan, they ask once in ten times; the rest are made up, each as often as the others.
    pub(super) fn next(&mut self) -> Cow<'static, str> {
        let n = self.asked;
        self.asked = n.wrapping_add(1);
        if !self.scans {
            return CUSTOMERS[n as usize % CUSTOMERS.len()].into();
        }
        if n.is_multiple_of(10) {
            return CUSTOMERS[n as usize / 10 % CUSTOMERS.len()].into();
        }
        let scanned = n - n / 10 - 1;
        // An odd factor: no two numbers become the same one.
        format!("{:08x}", (scanned % MADE_UP).wrapping_mul(0x9e37_79b1)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_scan_makes_up_its_tenants() {
        let asked = |scans, times| {
            let mut tenants = Tenants::new(scans);
            (0..times).map(|_| tenants.next()).collect::<HashSet<_>>()
        };
        assert_eq!(asked(false, 1_000).len(), CUSTOMERS.len());
        let scanned = asked(true, MADE_UP / 9 * 10 + 10);
        assert_eq!(scanned.len(), MADE_UP as usize + CUSTOMERS.len());
        assert!(CUSTOMERS.iter().all(|customer| scanned.contains(*customer)));
    }
}
