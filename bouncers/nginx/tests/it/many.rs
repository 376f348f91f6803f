//! HTTP/2: many requests at once over one connection whose client reads nothing for a while.

use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use vigie_bouncer_nginx::table::Remediation::{Ban, Challenge};

use crate::scene::Scene;
use crate::server::{Ask, Nginx, free_port};

/// Little waits in the system's hands, so that nginx has to wait for the client in the middle of its answers.
const SITE: &str = r"
    vigie_challenge_bits 10;
    server {
        listen 127.0.0.1:@PORT sndbuf=4096;
        listen 127.0.0.1:@MORE http2 sndbuf=4096;
        root @PREFIX/www;
    }
";
const REQUESTS: usize = 100;

/// Status and length of each answer.
async fn asked(port: u16, client: &str) -> Vec<(u16, usize)> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
    let (mut requests, connection) = h2::client::handshake(stream).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(connection.await) });
    let mut answers = JoinSet::new();
    for _ in 0..REQUESTS {
        requests = requests.ready().await.unwrap();
        let request = http::Request::get("http://test/").header("x-forwarded-for", client);
        let (answer, _) = requests.send_request(request.body(()).unwrap(), true).unwrap();
        answers.spawn(async move {
            let answer = answer.await.unwrap();
            let (status, mut body, mut length) = (answer.status().as_u16(), answer.into_body(), 0);
            while let Some(piece) = body.data().await {
                let piece = piece.unwrap();
                length += piece.len();
                body.flow_control().release_capacity(piece.len()).unwrap();
            }
            (status, length)
        });
    }
    // They leave, and then this thread, which is the only one, reads nothing.
    tokio::task::yield_now().await;
    std::thread::park_timeout(Duration::from_millis(500));
    answers.join_all().await
}

#[test]
fn every_answer_is_whole_over_one_connection_that_is_full() {
    let test = "every_answer_is_whole_over_one_connection_that_is_full";
    let scene = Scene::new();
    scene.put_words(&[("192.0.2.1", Challenge), ("192.0.2.2", Ban)]);
    let more = free_port();
    let Some(nginx) = Nginx::start_with(test, &scene, &SITE.replace("@MORE", &more.to_string())) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for client in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        let alone = nginx.ask(&Ask::from(client));
        let whole = (alone.status, alone.body.len());
        assert!(whole.1 > 7, "{}", alone.body);
        assert_eq!(
            runtime.block_on(asked(more, client)),
            vec![whole; REQUESTS],
            "{client}"
        );
    }
    assert!(!nginx.errors().contains("exited"), "{}", nginx.errors());
}
