//! Stands between trustees and the board; while it is closed, it keeps what is posted from the board, and refuses it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use veritally_board_api::problem::MEDIA_TYPE;
use veritally_board_api::{Link, Problem, ProblemKind};

use super::World;

#[derive(Clone)]
pub struct Gate {
    open: Arc<AtomicBool>,
    held: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Gate {
    /// From now on the world's link leads through it.
    pub fn before(world: &mut World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let link =
            format!("veritally://{}/test?fp={}", listener.local_addr().unwrap(), world.link.fingerprint.unwrap());
        world.link = Link::parse(&link).unwrap();
        let board = world.board.url.trim_start_matches("http://").to_owned();
        let gate = Self { open: Arc::new(AtomicBool::new(true)), held: Arc::default() };
        let served = gate.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (gate, board) = (served.clone(), TcpStream::connect(&board).unwrap());
                std::thread::spawn(move || gate.pass(client, board));
            }
        });
        gate
    }

    pub fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::SeqCst);
    }

    /// The entries that were posted while it was closed.
    pub fn held(&self) -> Vec<Vec<u8>> {
        self.held.lock().unwrap().clone()
    }

    fn pass(&self, mut client: TcpStream, mut board: TcpStream) {
        let (mut from_board, mut to_client) = (board.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || {
            _ = std::io::copy(&mut from_board, &mut to_client);
            _ = to_client.shutdown(Shutdown::Both);
        });
        let mut buffer = [0; 65_536];
        while let Ok(length @ 1..) = client.read(&mut buffer) {
            // A request follows an answer: it begins with what is read then.
            if buffer.starts_with(b"POST ") && !self.open.load(Ordering::SeqCst) {
                self.hold(&mut client, &buffer[..length]);
                break;
            }
            if board.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        _ = client.shutdown(Shutdown::Both);
        _ = board.shutdown(Shutdown::Both);
    }

    fn hold(&self, client: &mut TcpStream, begun: &[u8]) {
        let mut request = begun.to_vec();
        loop {
            let end = request.windows(4).position(|four| four == b"\r\n\r\n");
            let head = end.map(|end| String::from_utf8_lossy(&request[..end]).to_lowercase());
            if let (Some(end), Some(head)) = (end, head) {
                let length =
                    head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
                if request.len() >= end + 4 + length {
                    self.held.lock().unwrap().push(request.split_off(end + 4));
                    // A connection that only broke would be tried again for a while.
                    let body = serde_json::to_string(&Problem::new(ProblemKind::NotFound, "")).unwrap();
                    let length = body.len();
                    let head =
                        format!("HTTP/1.1 404 Not Found\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {length}");
                    _ = client.write_all(format!("{head}\r\nConnection: close\r\n\r\n{body}").as_bytes());
                    return;
                }
            }
            let mut more = [0; 65_536];
            match client.read(&mut more) {
                Ok(length @ 1..) => request.extend_from_slice(&more[..length]),
                // Killed in the middle of it.
                _ => return,
            }
        }
    }
}
