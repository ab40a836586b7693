//! Finding the series of three labels, and counting in it.

use super::random::Cycle;
use quipu::Registry;

pub(crate) const LABELS: [&str; 3] = ["method", "path", "status"];

/// The values of each label: every combination of them is a series.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) values: [Vec<String>; 3],
    order: Cycle<[u16; 3]>,
}

impl Keys {
    /// 96 series.
    pub(crate) fn few() -> Self {
        Self::new(["GET", "POST", "PUT", "DELETE"], 6, ["200", "201", "404", "500"])
    }

    /// 10,000 series.
    #[allow(dead_code, reason = "not every bench has so many")]
    pub(crate) fn many() -> Self {
        let statuses = ["200", "201", "204", "301", "400", "401", "404", "409", "500", "503"];
        Self::new(["GET", "POST", "PUT", "PATCH", "DELETE"], 200, statuses)
    }

    fn new<const M: usize, const S: usize>(methods: [&str; M], paths: usize, statuses: [&str; S]) -> Self {
        let paths = (0..paths).map(|path| format!("/v1/tenants/{path:03}/items"));
        let values = [methods.map(str::to_owned).into(), paths.collect(), statuses.map(str::to_owned).into()];
        let order =
            Cycle::new(|random| values.each_ref().map(|values: &Vec<String>| random.below(values.len()) as u16));
        Self { values, order }
    }

    /// Which value of each label it is this time.
    #[inline]
    pub(crate) fn at(&self, position: usize) -> [usize; 3] {
        self.order.at(position).map(usize::from)
    }

    #[inline]
    pub(crate) fn texts(&self, [method, path, status]: [usize; 3]) -> [&str; 3] {
        [&self.values[0][method], &self.values[1][path], &self.values[2][status]]
    }

    /// Every combination once.
    pub(crate) fn all(&self) -> impl Iterator<Item = [usize; 3]> {
        let [methods, paths, statuses] = self.values.each_ref().map(Vec::len);
        (0..methods * paths * statuses).map(move |n| [n / statuses / paths, n / statuses % paths, n % statuses])
    }
}

/// By three strings.
pub(crate) fn strings(keys: Keys) -> impl Fn(usize) {
    let family = Registry::new().counter("http_requests_total", "Requests.").labels(LABELS).register();
    let family = family.expect("the first");
    keys.all().for_each(|key| family.with(keys.texts(key)).inc());
    move |position| family.with(keys.texts(keys.at(position))).inc()
}
