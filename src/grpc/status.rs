//! The closed set of values that the label `status` takes.

use http::{HeaderValue, StatusCode};

use crate::{LabelBuffer, LabelValue};

/// How a gRPC call ended: the codes of gRPC, written as the Go middleware does, so that its dashboards and alerts fit.
///
/// ```
/// use quipu::grpc::GrpcStatus;
///
/// assert_eq!(GrpcStatus::from_code(8), GrpcStatus::ResourceExhausted);
/// assert_eq!(GrpcStatus::Canceled.as_str(), "Canceled");
/// assert_eq!(GrpcStatus::from_code(99), GrpcStatus::Unknown);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrpcStatus {
    /// 0: the call succeeded, written `OK`.
    Ok,
    /// 1: given up, mostly by the client.
    Canceled,
    /// 2: an error without a code that gRPC knows; also a stream that ended without a status.
    Unknown,
    /// 3: what the client sent makes no sense.
    InvalidArgument,
    /// 4: the time limit was over.
    DeadlineExceeded,
    /// 5: what was asked for is not there.
    NotFound,
    /// 6: what was to be made is there.
    AlreadyExists,
    /// 7: the client may not do that.
    PermissionDenied,
    /// 8: a quota or a disk is exhausted.
    ResourceExhausted,
    /// 9: the system is not in the state that the call needs.
    FailedPrecondition,
    /// 10: broken off, for example by a conflict of transactions.
    Aborted,
    /// 11: beyond the end of what is there.
    OutOfRange,
    /// 12: the server does not know the method.
    Unimplemented,
    /// 13: something in the server is broken.
    Internal,
    /// 14: the server cannot be reached, or does not serve now.
    Unavailable,
    /// 15: data is lost.
    DataLoss,
    /// 16: the client has not said who it is.
    Unauthenticated,
}

use GrpcStatus::*;

/// In the order of their codes.
const ALL: [GrpcStatus; GrpcStatus::COUNT] = [
    Ok,
    Canceled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
];

/// The values of the label.
pub(super) const NAMES: [&str; GrpcStatus::COUNT] = {
    let mut names = [""; GrpcStatus::COUNT];
    let mut code = 0;
    while code < names.len() {
        names[code] = ALL[code].as_str();
        code += 1;
    }
    names
};

impl GrpcStatus {
    pub(super) const COUNT: usize = Unauthenticated as usize + 1;

    /// The status with this code; [`Unknown`](GrpcStatus::Unknown) where gRPC knows none.
    ///
    /// Of tonic's: `GrpcStatus::from_code(status.code().into())`.
    pub const fn from_code(code: i32) -> Self {
        match 0 <= code && code < ALL.len() as i32 {
            true => ALL[code as usize],
            false => Unknown,
        }
    }

    /// The value of the label `status`: the name that Go's gRPC gives the code, which for 0 is `OK`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Ok => "OK",
            Canceled => "Canceled",
            Unknown => "Unknown",
            InvalidArgument => "InvalidArgument",
            DeadlineExceeded => "DeadlineExceeded",
            NotFound => "NotFound",
            AlreadyExists => "AlreadyExists",
            PermissionDenied => "PermissionDenied",
            ResourceExhausted => "ResourceExhausted",
            FailedPrecondition => "FailedPrecondition",
            Aborted => "Aborted",
            OutOfRange => "OutOfRange",
            Unimplemented => "Unimplemented",
            Internal => "Internal",
            Unavailable => "Unavailable",
            DataLoss => "DataLoss",
            Unauthenticated => "Unauthenticated",
        }
    }

    /// The value of a header or trailer `grpc-status`: a decimal number, or it means nothing.
    #[inline]
    pub(super) fn from_header(value: &HeaderValue) -> Self {
        match *value.as_bytes() {
            [ones @ b'0'..=b'9'] => ALL[usize::from(ones - b'0')],
            [b'1', ones @ b'0'..=b'6'] => ALL[10 + usize::from(ones - b'0')],
            _ => Unknown,
        }
    }

    /// What an answer means that has no `grpc-status`, as gRPC's `http-grpc-status-mapping.md` says.
    #[inline]
    pub(super) fn from_http(status: StatusCode) -> Self {
        match status.as_u16() {
            400 => Internal,
            401 => Unauthenticated,
            403 => PermissionDenied,
            404 => Unimplemented,
            429 | 502 | 503 | 504 => Unavailable,
            _ => Unknown,
        }
    }
}

impl LabelValue for GrpcStatus {
    const VALUES: Option<&'static [&'static str]> = Some(&NAMES);

    #[inline]
    fn index(&self) -> usize {
        *self as usize
    }

    #[inline]
    fn as_label<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
        self.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_places_are_the_same() {
        for (code, status) in ALL.into_iter().enumerate() {
            assert_eq!(GrpcStatus::from_code(code as i32), status);
            assert_eq!(status.index(), code);
            assert_eq!(NAMES[code], status.as_str());
            assert_eq!(GrpcStatus::from_header(&HeaderValue::from(code)), status);
        }
    }

    #[test]
    fn what_is_no_code_is_unknown() {
        for code in [-1, 17, i32::MIN, i32::MAX] {
            assert_eq!(GrpcStatus::from_code(code), Unknown);
        }
        for value in ["", "17", "00", "08", "100", "-1", " 0", "OK", "0,0", "1e0"] {
            assert_eq!(GrpcStatus::from_header(&HeaderValue::from_static(value)), Unknown, "{value:?}");
        }
        assert_eq!(GrpcStatus::from_header(&HeaderValue::from_bytes(b"\xff").unwrap()), Unknown);
    }

    #[test]
    fn answers_without_a_status_of_grpc_have_that_of_their_http_status() {
        let of = |code: u16| GrpcStatus::from_http(StatusCode::from_u16(code).unwrap());
        assert_eq!([400, 401, 403, 404].map(of), [Internal, Unauthenticated, PermissionDenied, Unimplemented]);
        assert_eq!([429, 502, 503, 504].map(of), [Unavailable; 4]);
        assert_eq!([100, 200, 204, 302, 405, 500, 501, 505, 999].map(of), [Unknown; 9]);
    }
}
