//! A browser without scripts, as the benchmarks of floods need it: it counts, measures and reads what comes back.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Where a shop listens.
pub struct Door {
    /// A socket's path or an address.
    pub address: String,
    /// Whether tor's own line begins each connection.
    pub is_behind_tor: bool,
}

/// Both kinds of door.
trait Stream: Read + Write {}
impl Stream for TcpStream {}
impl Stream for UnixStream {}

pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    /// The value of the first field of this name.
    pub fn field(&self, name: &str) -> Option<String> {
        let (_, rest) = self.text.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split('"').next().map(str::to_owned)
    }

    /// The text of the element with this id.
    pub fn mark(&self, id: &str) -> Option<String> {
        let (_, rest) = self.text.split_once(&format!("id=\"{id}\""))?;
        rest.split_once('>')?.1.split('<').next().map(|text| text.trim().to_owned())
    }
}

/// A browser without scripts, on a circuit of its own.
pub struct Visitor<'a> {
    door: &'a Door,
    circuit: u32,
    cookies: BTreeMap<String, String>,
    pub times: Vec<(&'static str, Duration)>,
    pub n_broken: usize,
    /// What the last answer was to, and its status; 0: there was none.
    pub last: (&'static str, u16),
    /// How long the shop asks to wait.
    pub retry_after: Duration,
}

impl<'a> Visitor<'a> {
    pub fn new(door: &'a Door, circuit: u32) -> Self {
        Self {
            door,
            circuit,
            cookies: BTreeMap::new(),
            times: Vec::new(),
            n_broken: 0,
            last: ("", 0),
            retry_after: Duration::ZERO,
        }
    }

    pub fn gets(&mut self, step: &'static str, path: &str) -> Option<Answer> {
        self.asks(step, "GET", path, "").filter(|answer| answer.status == 200)
    }

    pub fn posts(&mut self, step: &'static str, path: &str, form: &str) -> Option<Answer> {
        self.asks(step, "POST", path, form).filter(|answer| answer.status == 303)
    }

    pub fn asks(
        &mut self,
        step: &'static str,
        method: &str,
        path: &str,
        form: &str,
    ) -> Option<Answer> {
        self.last = (step, 0);
        let started = Instant::now();
        let answer = self.exchange(method, path, form);
        self.times.push((step, started.elapsed()));
        match &answer {
            Some(answer) => self.last = (step, answer.status),
            None => self.n_broken += 1,
        }
        answer
    }

    fn exchange(&mut self, method: &str, path: &str, form: &str) -> Option<Answer> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let host = if self.door.is_behind_tor { "shop" } else { &self.door.address };
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        if !cookies.is_empty() {
            request.push_str(&format!("Cookie: {}\r\n", cookies.join("; ")));
        }
        if method == "POST" {
            request.push_str(&format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                form.len()
            ));
        }
        request.push_str("\r\n");
        request.push_str(form);
        let patience = Some(Duration::from_secs(30));
        let mut stream: Box<dyn Stream> = if self.door.is_behind_tor {
            request.insert_str(0, &tors_line(self.circuit));
            let stream = UnixStream::connect(&self.door.address).ok()?;
            stream.set_read_timeout(patience).ok()?;
            Box::new(stream)
        } else {
            let stream = TcpStream::connect(&self.door.address).ok()?;
            stream.set_read_timeout(patience).ok()?;
            Box::new(stream)
        };
        stream.write_all(request.as_bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        self.reads(&String::from_utf8_lossy(&bytes))
    }

    fn reads(&mut self, text: &str) -> Option<Answer> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        for line in head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, rest) = line.split_once('=')?;
            let value = rest.split(';').next()?;
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let wait = head.lines().find_map(|line| line.strip_prefix("retry-after: "));
        let seconds = wait.and_then(|wait| wait.parse().ok()).unwrap_or(0);
        self.retry_after = Duration::from_secs(seconds);
        Some(Answer { status: head.split(' ').nth(1)?.parse().ok()?, text: body.to_owned() })
    }
}

fn tors_line(circuit: u32) -> String {
    let (high, low) = (circuit >> 16, circuit & 0xffff);
    format!("PROXY TCP6 fc00:dead:beef:4dad::{high:x}:{low:x} ::1 1 80\r\n")
}
