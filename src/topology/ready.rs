//! Asks a server whether it serves, in the fewest bytes of its own protocol. No driver takes part.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for one connection and one answer.
const ATTEMPT: Duration = Duration::from_millis(1_000);

/// Largest message that a server may send in answer.
const MESSAGE_LIMIT: usize = 64 * 1024;

/// The protocol that a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// PostgreSQL, version 3.0.
    Postgres,
    /// Redis.
    Redis,
    /// CQL, version 4.
    Cql,
}

impl Protocol {
    /// Time that a server of this kind may take from start to its first answer.
    pub fn limit(self) -> Duration {
        match self {
            Protocol::Postgres => Duration::from_secs(30),
            Protocol::Redis => Duration::from_secs(10),
            Protocol::Cql => Duration::from_secs(120),
        }
    }

    /// Asks once. An error of any kind means: not yet.
    pub fn ask(self, address: SocketAddr) -> io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&address, ATTEMPT)?;
        stream.set_read_timeout(Some(ATTEMPT))?;
        stream.set_write_timeout(Some(ATTEMPT))?;
        stream.set_nodelay(true)?;
        match self {
            Protocol::Postgres => ask_postgres(&mut stream),
            Protocol::Redis => ask_redis(&mut stream),
            Protocol::Cql => ask_cql(&mut stream),
        }
    }
}

fn not_yet(text: impl Into<String>) -> io::Error {
    io::Error::other(text.into())
}

fn read_exactly(stream: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    if length > MESSAGE_LIMIT {
        return Err(not_yet(format!("an answer of {length} bytes: another kind of server listens there")));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Startup, trust authentication, ReadyForQuery, Terminate.
fn ask_postgres(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    body.extend_from_slice(b"user\0postgres\0database\0postgres\0\0");
    let mut packet = (body.len() as u32 + 4).to_be_bytes().to_vec();
    packet.extend_from_slice(&body);
    stream.write_all(&packet)?;
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let message = read_exactly(stream, length.saturating_sub(4))?;
        match head[0] {
            b'R' if message != [0; 4] => return Err(not_yet("the server asks for a password")),
            b'E' => {
                // Fields: one byte of type, text, zero.
                let text: Vec<_> = message.split(|byte| *byte == 0).filter(|field| field.first() == Some(&b'M')).collect();
                let text = text.first().map_or_else(String::new, |field| String::from_utf8_lossy(&field[1..]).into_owned());
                return Err(not_yet(format!("the server says: {text}")));
            }
            b'Z' => {
                let _ = stream.write_all(&[b'X', 0, 0, 0, 4]);
                return Ok(());
            }
            _ => {}
        }
    }
}

fn ask_redis(stream: &mut (impl Read + Write)) -> io::Result<()> {
    stream.write_all(b"PING\r\n")?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n") && answer.len() < 256 {
        answer.push(read_exactly(stream, 1)?[0]);
    }
    // A server with a password answers NOAUTH, and that is an answer too.
    if answer.starts_with(b"+PONG") || answer.starts_with(b"-NOAUTH") {
        return Ok(());
    }
    Err(not_yet(format!("the server says: {}", String::from_utf8_lossy(&answer).trim())))
}

/// OPTIONS gets SUPPORTED, without authentication.
fn ask_cql(stream: &mut (impl Read + Write)) -> io::Result<()> {
    stream.write_all(&[4, 0, 0, 0, 5, 0, 0, 0, 0])?;
    let head = read_exactly(stream, 9)?;
    if head[0] & 0x80 != 0 && head[4] == 6 {
        return Ok(());
    }
    Err(not_yet(format!("opcode {} instead of SUPPORTED", head[4])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that has said all it will.
    struct Scripted {
        answer: io::Cursor<Vec<u8>>,
        sent: Vec<u8>,
    }

    impl Scripted {
        fn new(answer: &[u8]) -> Self {
            Self { answer: io::Cursor::new(answer.to_vec()), sent: Vec::new() }
        }
    }

    impl Read for Scripted {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.answer.read(bytes)
        }
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.sent.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn postgres_is_ready_at_ready_for_query_only() {
        let ready = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x0aa\0bcdeZ\0\0\0\x05I";
        let mut server = Scripted::new(ready);
        ask_postgres(&mut server).unwrap();
        assert_eq!(&server.sent[..8], &[0, 0, 0, 41, 0, 3, 0, 0]);
        assert!(ask_postgres(&mut Scripted::new(&ready[..9])).is_err(), "authenticated, but not ready");
        let starting = b"E\0\0\0\x19SFATAL\0MC is starting\0\0\0";
        let error = ask_postgres(&mut Scripted::new(starting)).unwrap_err().to_string();
        assert!(error.contains("C is starting"), "{error}");
        assert!(ask_postgres(&mut Scripted::new(b"R\0\0\0\x0c\0\0\0\x05abcd")).is_err());
    }

    #[test]
    fn redis_that_loads_is_not_ready() {
        ask_redis(&mut Scripted::new(b"+PONG\r\n")).unwrap();
        assert!(ask_redis(&mut Scripted::new(b"-LOADING Redis is loading\r\n")).is_err());
        assert!(ask_redis(&mut Scripted::new(b"")).is_err());
    }

    #[test]
    fn cql_is_ready_when_it_lists_its_options() {
        ask_cql(&mut Scripted::new(&[0x84, 0, 0, 0, 6, 0, 0, 0, 0])).unwrap();
        assert!(ask_cql(&mut Scripted::new(&[0x84, 0, 0, 0, 0, 0, 0, 0, 0])).is_err());
        assert!(ask_cql(&mut Scripted::new(b"HTTP/1.1 400")).is_err());
    }

    #[test]
    fn a_huge_length_is_not_believed() {
        assert!(ask_postgres(&mut Scripted::new(b"R\xff\xff\xff\xff")).is_err());
    }
}
