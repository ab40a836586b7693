//! The data every contender is given: bucket bounds, values, label values and the order they come in.

use std::fmt::Write;

/// Upper bounds of every histogram measured.
pub(crate) const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Names of the labels of every family measured.
pub(crate) const LABELS: [&str; 3] = ["method", "path", "status"];

/// Label values of one series.
///
/// They are made at run time and leaked. A crate whose label sets own their strings can take them
/// as they are, without an allocation, which the strings of a real request would cost it.
pub(crate) type Key = [&'static str; 3];

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const STATUSES: [&str; 10] = ["200", "201", "204", "301", "400", "401", "404", "409", "500", "503"];

/// SplitMix64: small, and the same numbers for every contender and every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Self(42)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `0..limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// In `0.0..1.0`.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Values to observe: log-uniform from 2.5 ms to 20 s, so that they fall into all 12 buckets.
///
/// Enough of them that a branch predictor cannot learn the sequence by heart.
pub(crate) struct Values(Box<[f64; Values::COUNT]>);

impl Values {
    const COUNT: usize = 1 << 14;

    pub(crate) fn new() -> Self {
        let mut random = Random::new();
        let mut values = Box::new([0.0; Self::COUNT]);
        for value in values.iter_mut() {
            *value = 0.0025 * 8000_f64.powf(random.unit());
        }
        Self(values)
    }

    pub(crate) fn at(&self, position: usize) -> f64 {
        self.0[position % Self::COUNT]
    }
}

/// One value for each of the 12 buckets.
pub(crate) fn value_per_bucket() -> impl Iterator<Item = f64> {
    BOUNDS.into_iter().chain([20.0])
}

/// The series of a lookup work, and the random order in which they are looked up.
pub(crate) struct Keys {
    dimensions: [Vec<&'static str>; 3],
    order: Box<[Key; Keys::ORDER]>,
}

impl Keys {
    const ORDER: usize = 1 << 14;

    /// 4 methods, 6 paths, 4 statuses: 96 series.
    pub(crate) fn few() -> Self {
        Self::new(4, 6, 4)
    }

    /// 5 methods, 200 paths, 10 statuses: 10,000 series.
    pub(crate) fn many() -> Self {
        Self::new(5, 200, 10)
    }

    fn new(methods: usize, paths: usize, statuses: usize) -> Self {
        let dimensions = [
            METHODS[..methods].iter().copied().map(leak).collect(),
            (0..paths).map(|path| leak(&format!("/v1/tenants/{path:03}/items"))).collect(),
            STATUSES[..statuses].iter().copied().map(leak).collect(),
        ];
        let mut random = Random::new();
        let mut order = Box::new([[""; 3]; Self::ORDER]);
        for key in order.iter_mut() {
            *key = dimensions.each_ref().map(|values: &Vec<&'static str>| values[random.below(values.len())]);
        }
        Self { dimensions, order }
    }

    /// The key to look up at a position of the round.
    #[inline]
    pub(crate) fn at(&self, position: usize) -> Key {
        self.order[position % Self::ORDER]
    }

    /// All values of each label.
    pub(crate) fn dimensions(&self) -> &[Vec<&'static str>; 3] {
        &self.dimensions
    }

    /// Every series once, in strings that are not those of [`Keys::at`]: no contender may find a
    /// series by the address of its strings.
    pub(crate) fn series(&self) -> impl Iterator<Item = Key> {
        let [methods, paths, statuses] =
            self.dimensions.each_ref().map(|values| values.iter().copied().map(leak).collect::<Vec<_>>());
        methods.into_iter().flat_map(move |method| {
            let statuses = statuses.clone();
            paths
                .clone()
                .into_iter()
                .flat_map(move |path| statuses.clone().into_iter().map(move |status| [method, path, status]))
        })
    }
}

fn leak(text: &str) -> &'static str {
    Box::leak(Box::from(text))
}

/// Calls `create` with the label values of each of `count` different series, in buffers that are
/// used again for the next: what is kept of them has to be copied, as with a request's strings.
///
/// Lines of `http_requests_total` with these labels are 80 to 89 bytes long.
pub(crate) fn for_each_series(count: usize, mut create: impl FnMut(usize, [&str; 3])) {
    let mut path = String::new();
    for series in 0..count {
        let method = METHODS[series % METHODS.len()];
        let status = STATUSES[series / METHODS.len() % STATUSES.len()];
        path.clear();
        write!(path, "/v1/tenants/{series:06}/keys").expect("a String takes everything");
        create(series, [method, &path, status]);
    }
}

/// What the counter of a series is incremented by: one to seven digits.
pub(crate) fn count_of(series: usize) -> u64 {
    10_u64.pow(series as u32 % 7) + series as u64 % 7
}
