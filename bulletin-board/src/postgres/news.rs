//! Hearing what other nodes tell (`LISTEN`), on a connection of its own. It wakes early; nothing rests on it.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};

use super::connect::Connector;

/// Pause before another connection is tried.
const PAUSE: Duration = Duration::from_secs(2);

/// How to get a connection to listen on.
pub(super) struct Listener {
    pub(super) config: Config,
    pub(super) connector: Connector,
}

impl Listener {
    /// Listens until nobody looks at the count any more.
    pub(super) fn start(self: Arc<Self>, channel: &'static str) -> watch::Receiver<u64> {
        let (count, receiver) = watch::channel(0);
        tokio::spawn(async move {
            while !count.is_closed() {
                if let Err(error) = self.listen(channel, &count).await {
                    tracing::debug!(error = super::describe(&error), "listening to other nodes is interrupted");
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = count.closed() => {}
                }
            }
        });
        receiver
    }

    async fn listen(&self, channel: &str, count: &watch::Sender<u64>) -> Result<(), tokio_postgres::Error> {
        match self.connector.0.clone() {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls).await?;
                hear(&client, connection, channel, count).await
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                hear(&client, connection, channel, count).await
            }
        }
    }
}

async fn hear<S, T>(
    client: &Client,
    mut connection: Connection<S, T>,
    channel: &str,
    count: &watch::Sender<u64>,
) -> Result<(), tokio_postgres::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let command = format!("LISTEN {channel}");
    let mut listen = std::pin::pin!(client.batch_execute(&command));
    let mut listening = false;
    loop {
        tokio::select! {
            result = &mut listen, if !listening => {
                result?;
                listening = true;
                // What was told before was not heard.
                count.send_modify(|count| *count += 1);
            }
            message = poll_fn(|context| connection.poll_message(context)) => match message {
                Some(Ok(AsyncMessage::Notification(_))) => count.send_modify(|count| *count += 1),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
            () = count.closed() => return Ok(()),
        }
    }
}
