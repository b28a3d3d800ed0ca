//! Who may come to the shop's onion, and to the desk's.
//!
//! The list is kept beside the database, and a copy is given to what configures Tor: the shop itself (`serve --tor`), or
//! the helper in Tor's container. A Tor whose own torrc makes the service reads a folder that the shop may not write:
//! there the commands say what to do by hand, and never that it was done.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;

use crate::infra::config::Settings;
use crate::infra::tor::{ClientKeys, ClientName, Clients, OnionAddress, SharedDir};
use crate::infra::{bounded, tor};
use crate::interfaces::cli::onion::service;
use crate::interfaces::cli::open;
use crate::interfaces::cli::open::home_of;
use crate::interfaces::cli::output::{say, say_error, say_text};
use crate::interfaces::http::wall;

#[derive(Subcommand)]
pub enum ClientAction {
    /// Create a key for a client; from then on only clients on the list have access
    Add {
        /// Your name for the client, for example alice
        name: String,
    },
    /// Remove a client from the list
    Remove {
        /// Its name on the list
        name: String,
    },
    /// Show the list
    List,
}

/// Which of the two onion services a list belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Service {
    Shop,
    Desk,
}

/// Who reads the list that the shop keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListReader {
    /// The shop or the helper in Tor's container, which wrote its status just now.
    Here,
    /// `serve --tor`, which ran before and does not run now.
    Away,
    /// The helper in Tor's container, named by `ONION_FOLDER`, which does not write its status.
    Silent,
    /// Nobody: Tor's own torrc makes the service.
    Nobody,
}

/// What became of a changed list.
enum Change {
    Done,
    AtNextStart,
    /// Why nothing is certain.
    Open(String),
}

/// How often the reader's status is looked at, and how many times, until Tor is said not to answer.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const MOST_LOOKS: u32 = 150;

/// Units: bytes of the list.
const MOST_OF_CLIENTS: u64 = 1 << 20;

struct List<'a> {
    settings: &'a Settings,
    service: Service,
    file: PathBuf,
    folder: SharedDir,
}

/// Who may come to the shop's onion; nobody on the list means that everybody may.
pub fn change_clients(action: ClientAction, settings: &Settings) -> anyhow::Result<ExitCode> {
    change(action, &List::of_shop(settings))
}

/// Who may come to the desk's onion; nobody on the list means that nobody may.
pub fn change_desk_clients(action: ClientAction, settings: &Settings) -> anyhow::Result<ExitCode> {
    change(action, &List::of_desk(settings))
}

/// The names on the shop's list.
pub fn names(settings: &Settings) -> anyhow::Result<Vec<String>> {
    let clients = List::of_shop(settings).read()?;
    Ok(clients.iter().map(|client| client.name.to_string()).collect())
}

/// Gives the list to what configures Tor. A shop that never had a list gives none, so that a list which the seller keeps
/// in tor's own folder stays as it is.
pub fn give_out_clients(settings: &Settings) -> anyhow::Result<()> {
    List::of_shop(settings).give_out_kept()
}

/// The same for the desk. Where the shop makes the service itself, a list is always given: an empty one keeps it away.
pub fn give_out_desk_clients(settings: &Settings, is_made: bool) -> anyhow::Result<()> {
    let list = List::of_desk(settings);
    if is_made { list.give_out(&list.read()?) } else { list.give_out_kept() }
}

pub fn has_desk_clients(settings: &Settings) -> anyhow::Result<bool> {
    Ok(!List::of_desk(settings).read()?.is_empty())
}

fn change(action: ClientAction, list: &List) -> anyhow::Result<ExitCode> {
    match action {
        ClientAction::List => {
            list.require_shop()?;
            list.show()
        }
        ClientAction::Add { name } => list.add(&ClientName::parse(&name)?),
        ClientAction::Remove { name } => {
            list.require_shop()?;
            list.remove(&ClientName::parse(&name)?)
        }
    }
}

impl<'a> List<'a> {
    fn of_shop(settings: &'a Settings) -> Self {
        let file = home_of(&settings.storage.database).join("onion.clients");
        Self { settings, service: Service::Shop, file, folder: service::folder(settings) }
    }

    fn of_desk(settings: &'a Settings) -> Self {
        let file = home_of(&settings.storage.database).join("desk.clients");
        Self { settings, service: Service::Desk, file, folder: service::desk_folder(settings) }
    }

    fn read(&self) -> anyhow::Result<Clients> {
        match bounded::read_text(&self.file, MOST_OF_CLIENTS) {
            Ok(text) => {
                let clients = Clients::parse(&text);
                clients.with_context(|| format!("the list {}", self.file.display()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Clients::default()),
            Err(error) => {
                Err(error).with_context(|| format!("read the list {}", self.file.display()))
            }
        }
    }

    fn give_out(&self, clients: &Clients) -> anyhow::Result<()> {
        service::make_folder(self.folder.path())?;
        self.folder
            .write_clients(clients)
            .with_context(|| format!("write into the folder {}", self.folder.path().display()))
    }

    fn give_out_kept(&self) -> anyhow::Result<()> {
        if self.file.exists() { self.give_out(&self.read()?) } else { Ok(()) }
    }

    /// Keeps the changed list, gives it out, and waits until Tor follows it.
    fn put_in_force(&self, clients: &Clients) -> anyhow::Result<Change> {
        service::make_folder(&home_of(&self.settings.storage.database))?;
        tor::write_whole(&self.file, clients.file().as_bytes(), 0o600)
            .with_context(|| format!("keep the list {}", self.file.display()))?;
        self.give_out(clients)?;
        Ok(match self.reader() {
            ListReader::Here => self.wait_for_tor(clients),
            ListReader::Away => Change::AtNextStart,
            ListReader::Silent | ListReader::Nobody => Change::Open(
                "nobody in Tor's container answers: `docker compose -f docker-compose.tor.yml up -d` starts it".to_owned(),
            ),
        })
    }

    fn wait_for_tor(&self, clients: &Clients) -> Change {
        let wanted = clients.file();
        for _ in 0..MOST_LOOKS {
            let told = self.folder.status().and_then(|status| status.clients);
            if told.as_deref() == Some(&wanted) {
                return Change::Done;
            }
            thread::sleep(LOOK_EVERY);
        }
        let status = self.folder.status().unwrap_or_default();
        let words = if status.trouble.is_empty() {
            "Tor has not followed the list within 30 seconds".to_owned()
        } else {
            status.trouble
        };
        Change::Open(words)
    }

    fn reader(&self) -> ListReader {
        match self.folder.status() {
            Some(status) if status.is_fresh(wall().get()) => ListReader::Here,
            _ if self.settings.tor.onion_folder.is_some() => ListReader::Silent,
            Some(_) => ListReader::Away,
            None => ListReader::Nobody,
        }
    }

    fn address(&self) -> Option<OnionAddress> {
        match self.service {
            Service::Shop => service::address(self.settings),
            Service::Desk => self.folder.address(),
        }
    }

    /// The folder in which Tor looks for `NAME.auth`, where its own torrc makes the service.
    fn torrc_folder(&self) -> PathBuf {
        let of_key = self.settings.tor.onion_key.as_ref().and_then(|key| key.parent());
        let service = match self.service {
            Service::Shop => of_key.map(PathBuf::from),
            Service::Desk => None,
        };
        let usual = || PathBuf::from("/var/lib/tor").join(self.word());
        service.unwrap_or_else(usual).join("authorized_clients")
    }

    fn word(&self) -> &'static str {
        match self.service {
            Service::Shop => "shop",
            Service::Desk => "desk",
        }
    }

    fn show(&self) -> anyhow::Result<ExitCode> {
        let reader = self.reader();
        if reader == ListReader::Nobody {
            say_error(&format!(
                "Tor's own torrc makes the {}'s onion, and only Tor knows that list: sudo ls {}",
                self.word(),
                self.torrc_folder().display()
            ));
            if !self.file.exists() {
                return Ok(ExitCode::FAILURE);
            }
        }
        for client in self.read()?.iter() {
            say(&client.name.to_string());
        }
        Ok(ExitCode::SUCCESS)
    }

    fn add(&self, name: &ClientName) -> anyhow::Result<ExitCode> {
        let reader = self.reader();
        let keys = ClientKeys::new(open::random_bytes());
        if reader == ListReader::Nobody {
            return self.tell_how_to_add(name, &keys);
        }
        let address = self.address().with_context(|| self.no_address())?;
        let mut clients = self.read()?;
        clients.insert(keys.client(name.clone()))?;
        let change = self.put_in_force(&clients)?;
        tell_keys(&keys, name, Some(&address))?;
        say("");
        let url = address.url();
        let who = match self.service {
            Service::Shop => format!("Only those on the list can reach {url}"),
            Service::Desk => format!("The desk is at {url}, for those on the list alone,"),
        };
        Ok(match change {
            Change::Done => done(&format!("{who} from now on.")),
            Change::AtNextStart => {
                let code = done(&format!("{who} from the next start on."));
                self.tell_of_torrc(&format!(
                    "put this line into {}/{name}.auth and reload Tor:\n\n  {}",
                    self.torrc_folder().display(),
                    keys.auth_line()
                ));
                code
            }
            Change::Open(why) => {
                not_done(&format!("{name} is on the list, but Tor does not follow it yet: {why}."))
            }
        })
    }

    fn remove(&self, name: &ClientName) -> anyhow::Result<ExitCode> {
        let reader = self.reader();
        let mut clients = self.read()?;
        let was_there = clients.remove(name);
        if reader == ListReader::Nobody {
            if was_there {
                self.put_in_force(&clients)?;
            }
            return Ok(self.tell_how_to_remove(name));
        }
        anyhow::ensure!(
            was_there,
            "nobody on the list is called {name}: `shop {} client list` shows them",
            if self.service == Service::Shop { "onion" } else { "desk" }
        );
        let change = self.put_in_force(&clients)?;
        let place = if self.service == Service::Shop { "in" } else { "to the desk's onion" };
        let code = match change {
            Change::Done => done(&format!("{name} can no longer come {place}, from now on.")),
            Change::AtNextStart => {
                let words = format!("{name} can no longer come {place}, from the next start on.");
                let code = done(&words);
                self.tell_of_torrc(&format!(
                    "delete {}/{name}.auth and restart Tor: after a reload alone, clients that connected before still have access.",
                    self.torrc_folder().display()
                ));
                code
            }
            Change::Open(why) => {
                return Ok(not_done(&format!(
                    "{name} is off the list, but the key may still open the {}: {why}.",
                    self.word()
                )));
            }
        };
        if clients.is_empty() {
            say(match self.service {
                Service::Shop => "The list is empty: everyone can reach the shop again.",
                Service::Desk => {
                    "The list is empty: nobody can reach the desk's onion until somebody is on it."
                }
            });
        }
        Ok(code)
    }

    fn no_address(&self) -> String {
        match self.service {
            Service::Shop => service::no_address(self.settings),
            Service::Desk => {
                "Tor has no onion for the desk yet. In Docker: write DESK_LISTEN=unix:/run/shop/desk.sock into .env, then \
                 `docker compose -f docker-compose.tor.yml up -d`. Otherwise start `shop serve --tor` with DESK_LISTEN"
                    .to_owned()
            }
        }
    }

    /// A folder that knows nothing of an onion is perhaps the wrong one.
    fn require_shop(&self) -> anyhow::Result<()> {
        if self.file.exists() || self.address().is_some() {
            return Ok(());
        }
        open::require_shop(self.settings)
    }

    /// For a shop that was opened with `serve --tor` once, and may be served by a torrc since.
    fn tell_of_torrc(&self, what_to_do: &str) {
        say("");
        say_text(&format!(
            "That is for `shop serve --tor`, which is not running. If Tor's own torrc makes the {}'s onion,\n{what_to_do}",
            self.word()
        ));
    }

    fn tell_how_to_add(&self, name: &ClientName, keys: &ClientKeys) -> anyhow::Result<ExitCode> {
        let address = self.address();
        anyhow::ensure!(
            address.is_some() || self.service == Service::Desk,
            "{}",
            self.no_address()
        );
        tell_keys(keys, name, address.as_ref())?;
        let file = self.torrc_folder().join(format!("{name}.auth"));
        say("");
        say_text(&format!(
            "Tor's own torrc makes the {}'s onion, and the shop cannot write Tor's folder. NOTHING HAS CHANGED YET.\n\
             Put this line into {}\n\
             (the folder is HiddenServiceDir of your torrc, with authorized_clients behind it):\n\n  {}\n\n",
            self.word(),
            file.display(),
            keys.auth_line()
        ));
        say_text(&format!(
            "  echo {} | sudo -u debian-tor tee {}\n  sudo systemctl reload tor@default",
            keys.auth_line(),
            file.display()
        ));
        if self.service == Service::Shop {
            say(
                "If it is the first key, restart Tor instead: after a reload alone, clients that connected before still have access.",
            );
        }
        if self.service == Service::Desk && address.is_none() {
            say_text(&format!(
                "\nThe shop does not know the desk's address. This tells it:\n\n  \
                 sudo cat /var/lib/tor/desk/hostname >{}\n\n\
                 With `shop serve --tor` instead, start that first: it makes the desk's onion and does all this by itself.",
                self.folder.path().join("hostname").display()
            ));
        }
        Ok(not_done(&format!("{name} cannot come in until Tor has that line")))
    }

    fn tell_how_to_remove(&self, name: &ClientName) -> ExitCode {
        let file = self.torrc_folder().join(format!("{name}.auth"));
        say_text(&format!(
            "Tor's own torrc makes the {}'s onion, and the shop cannot write Tor's folder. THE KEY STILL WORKS.\n\
             Delete {}\n\
             (the folder is HiddenServiceDir of your torrc, with authorized_clients behind it), then restart Tor:\n\
             after a reload alone, clients that connected before still have access.\n\n  \
             sudo rm {}\n  sudo systemctl restart tor@default\n\n",
            self.word(),
            file.display(),
            file.display()
        ));
        if self.service == Service::Desk {
            say(
                "While no file is left in that folder, Tor lets everybody come as far as the login page.",
            );
        } else {
            say("While no file is left in that folder, Tor lets everybody in.");
        }
        not_done(&format!("{name} can still come in until that file is gone and Tor is restarted"))
    }
}

fn done(words: &str) -> ExitCode {
    say(words);
    ExitCode::SUCCESS
}

fn not_done(words: &str) -> ExitCode {
    say_error(words);
    ExitCode::FAILURE
}

/// `address`: `None` where nobody told it.
fn tell_keys(
    keys: &ClientKeys,
    name: &ClientName,
    address: Option<&OnionAddress>,
) -> anyhow::Result<()> {
    service::write_out(&format!(
        "Give this key only to {name}; the shop does not store it:\n\n  {}\n\n\
         Tor Browser asks for it when the address is opened.\n",
        keys.private()
    ))?;
    let Some(address) = address else { return Ok(()) };
    service::write_out(&format!(
        "A tor without a browser takes this line into ClientOnionAuthDir/{name}.auth_private:\n\n  {}\n",
        keys.auth_private(address)
    ))
}
