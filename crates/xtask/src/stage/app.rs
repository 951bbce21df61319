//! One instance of the real app, driven as a person would drive it.

use crate::child::{Child, until};
use crate::session::Session;
use crate::sound::Jack;
use anyhow::Context as _;
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};
use xtask::paths::release_binary;

/// How long the window may take to show what a click asked for.
const STEP_LIMIT: Duration = Duration::from_secs(20);

/// How long app and driver may take to start on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Width of one window: two fit on the stage's screen.
const WIDTH: u32 = 1150;
const HEIGHT: u32 = 880;

impl Person {
    /// Where their window is on the screen, left edge in pixels.
    fn x(self) -> u32 {
        self.place * (WIDTH + 10)
    }

    /// Their window's part of the screen, for [`Session::picture`].
    pub(crate) fn part(self) -> String {
        format!("{WIDTH}x{HEIGHT}+{}+0", self.x())
    }
}

/// Keeps what goes wrong in the page, for [`App::page_errors`].
const COLLECT_ERRORS: &str = "
    const all = window.uncaught = [];
    addEventListener('error', (e) => all.push(`${e.message} ${e.error?.stack ?? ''}`));
    addEventListener('unhandledrejection', (e) => all.push(`${e.reason} ${e.reason?.stack ?? ''}`));
    addEventListener('securitypolicyviolation', (e) => all.push(
      `${e.violatedDirective} refused ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`));";

/// Who sits before a window, and which jacks of the card are theirs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    /// The profile.
    pub(crate) name: &'static str,
    /// What the team calls them. Such names are nowhere by chance.
    pub(crate) display: &'static str,
    /// Where they speak into.
    pub(crate) mic: Jack,
    /// Where they hear.
    pub(crate) ear: Jack,
    /// 0 for the left half of the screen, 1 for the right one.
    pub(crate) place: u32,
}

/// A running app.
pub(crate) struct App {
    client: Client,
    name: &'static str,
    _driver: Child,
}

impl App {
    /// Starts the app with a driver of its own. `run` tells several starts of one person apart.
    ///
    /// # Errors
    /// When the window does not open.
    pub(crate) async fn launch(
        session: &Session,
        person: Person,
        relay: &str,
        run: &str,
    ) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = session.command("WebKitWebDriver");
        command.args([format!("--port={port}"), "--host=127.0.0.1".to_owned()]);
        command.env("TAURI_WEBVIEW_AUTOMATION", "true");
        session.plug(&mut command, person.mic, person.ear);
        command.env("RUST_LOG", "info,standfast=debug");
        let driver =
            Child::start(&format!("app-{}-{run}", person.name), &mut command, session.logs())?;
        let listening = || TcpStream::connect(("127.0.0.1", port)).ok();
        until("WebKitWebDriver", START_LIMIT, listening).await?;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(session, person, relay)?)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .with_context(|| format!("opening the window of {}", person.name))?;
        let app = Self { client, name: person.name, _driver: driver };
        app.ask(COLLECT_ERRORS).await?;
        Ok(app)
    }

    /// Errors that scripts of the page did not catch, and what its security policy refused.
    ///
    /// # Errors
    /// When the page does not answer.
    pub(crate) async fn page_errors(&self) -> anyhow::Result<Vec<String>> {
        Ok(serde_json::from_value(self.ask("return window.uncaught ?? [];").await?)?)
    }

    /// Whose window it is.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Waits for something on the screen, by its `data-testid`.
    ///
    /// # Errors
    /// When it does not appear.
    pub(crate) async fn see(&self, id: &str) -> anyhow::Result<Element> {
        let selector = css(id);
        let found = self.client.wait().at_most(STEP_LIMIT).every(Duration::from_millis(50));
        self.within("sees", id, found.for_element(Locator::Css(&selector))).await
    }

    /// Whether something is on the screen now.
    pub(crate) async fn sees(&self, id: &str) -> bool {
        self.within("sees", id, self.client.find(Locator::Css(&css(id)))).await.is_ok()
    }

    /// Clicks something as soon as it is there and can be clicked.
    ///
    /// # Errors
    /// When it never can.
    pub(crate) async fn click(&self, id: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let element = self.see(id).await?;
            if self.within("looks at", id, element.is_enabled()).await.is_ok_and(|enabled| enabled)
            {
                match self.within("clicks", id, element.click()).await {
                    Err(error) if begun.elapsed() > STEP_LIMIT => return Err(error),
                    // Redrawn or covered in between.
                    Err(_) => {}
                    Ok(()) => return Ok(()),
                }
            }
            anyhow::ensure!(begun.elapsed() < STEP_LIMIT, "{}: '{id}' stays disabled", self.name);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Types into a field.
    ///
    /// # Errors
    /// When there is no such field.
    pub(crate) async fn write(&self, id: &str, text: &str) -> anyhow::Result<()> {
        let field = self.see(id).await?;
        self.within("clears", id, field.clear()).await?;
        self.within("types into", id, field.send_keys(text)).await
    }

    /// An attribute of something.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) async fn attribute(&self, id: &str, name: &str) -> anyhow::Result<Option<String>> {
        let element = self.see(id).await?;
        self.within("reads", id, element.attr(name)).await
    }

    /// Runs a script in the page and gives what it returns.
    ///
    /// # Errors
    /// When the page refuses.
    pub(crate) async fn ask(&self, script: &str) -> anyhow::Result<Value> {
        self.within("asks", "the page", self.client.execute(script, vec![])).await
    }

    /// Writes a picture of the window's content.
    ///
    /// # Errors
    /// When there is no picture or no room for it.
    pub(crate) async fn picture(&self, path: &Path) -> anyhow::Result<()> {
        let picture = self.within("takes", "a picture", self.client.screenshot()).await?;
        Ok(fs::write(path, picture)?)
    }

    /// Closes the window, as at the end of a day. The profile stays.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub(crate) async fn close(&self) -> anyhow::Result<()> {
        self.within("closes", "the window", self.client.clone().close()).await
    }

    /// Gives the driver a limit: some of its answers never come.
    async fn within<T, E: Into<anyhow::Error>>(
        &self,
        does: &str,
        what: &str,
        answer: impl Future<Output = Result<T, E>>,
    ) -> anyhow::Result<T> {
        tokio::time::timeout(STEP_LIMIT + Duration::from_secs(5), answer)
            .await
            .map_err(anyhow::Error::from)
            .and_then(|answer| answer.map_err(Into::into))
            .with_context(|| format!("{} {does} '{what}'", self.name))
    }
}

/// What the driver is told to start.
fn capabilities(
    session: &Session,
    person: Person,
    relay: &str,
) -> anyhow::Result<fantoccini::wd::Capabilities> {
    let app = release_binary("standfast-app");
    anyhow::ensure!(app.exists(), "{} is not built", app.display());
    let x = person.x().to_string();
    let report = session.report(person.name);
    let (width, height) = (WIDTH.to_string(), HEIGHT.to_string());
    let report = report.to_string_lossy();
    let args = [
        ["--profile", person.name],
        ["--relay", relay],
        ["--report", &report],
        ["--x", &x],
        ["--y", "0"],
        ["--width", &width],
        ["--height", &height],
    ]
    .concat();
    let mut capabilities = fantoccini::wd::Capabilities::new();
    capabilities
        .insert("webkitgtk:browserOptions".to_owned(), json!({ "binary": app, "args": args }));
    Ok(capabilities)
}

/// A selector as it is, or the one of a `data-testid`.
fn css(id: &str) -> String {
    if id.starts_with('[') { id.to_owned() } else { format!("[data-testid=\"{id}\"]") }
}
