//! Reads server-sent events.

/// Takes bytes as they come, and gives events: lines that begin with `data:`. Others say nothing here.
#[derive(Debug, Default)]
pub(super) struct Events {
    bytes: Vec<u8>,
    /// So many of them are read: they go when more come, and not with each line, of which a server may send very many.
    read: usize,
    /// So many hold no end of a line beyond those that are read.
    searched: usize,
}

impl Events {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.searched -= self.read;
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next event that is whole.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(length) = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n') {
            let end = self.searched + length;
            let line = &self.bytes[self.read..end];
            (self.read, self.searched) = (end + 1, end + 1);
            if let Some(data) = line.strip_prefix(b"data:") {
                return Some(data.trim_ascii().to_vec());
            }
        }
        self.searched = self.bytes.len();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let stream = b": hello\n\ndata: {\"a\": 1}\r\n\r\ndata:[DONE]\n\n";
        for size in 1..stream.len() {
            let mut events = Events::default();
            let mut found = Vec::new();
            for piece in stream.chunks(size) {
                events.push(piece);
                found.extend(std::iter::from_fn(|| events.next()));
            }
            assert_eq!(found, [&b"{\"a\": 1}"[..], b"[DONE]"], "{size}");
        }
    }

    /// The time that this takes grows with the number of bytes, and not with its square.
    #[test]
    fn no_stream_holds_up_the_thread() {
        let mut events = Events::default();
        events.push(&vec![b'\n'; 1 << 20]);
        assert_eq!(events.next(), None);
        for _ in 0..1 << 20 {
            events.push(b"x");
            assert_eq!(events.next(), None);
        }
        events.push(b"\ndata: end\n");
        assert_eq!(events.next().unwrap(), b"end");
    }
}
