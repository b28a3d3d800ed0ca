//! The lists of clients with access to the shop's onion service, and to the desk's.
//!
//! A list is stored beside the database, and a copy is given to the process that manages Tor: the shop itself
//! (`serve --tor`), or the helper in Tor's container. If Tor's own torrc creates the service, Tor reads a folder that the shop
//! may not write: then the commands say what to do by hand, and never that it was done.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;

use crate::infra::config::Settings;
use crate::infra::tor::{ClientKeys, ClientName, Clients, OnionAddress, SharedDir};
use crate::infra::{atomic_file, bounded};
use crate::interfaces::cli::onion::service;
use crate::interfaces::cli::output::{say, say_error, say_text};
use crate::interfaces::cli::shop_context;
use crate::interfaces::cli::shop_context::{home, if_exists, make_folder};
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

/// The process that manages Tor and reads the list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manager {
    /// The shop or the helper in Tor's container; it wrote its status just now.
    Running,
    /// `serve --tor`, which ran before and does not run now.
    Stopped,
    /// The helper in Tor's container, according to `ONION_FOLDER`; it does not write its status.
    Silent,
    /// None: Tor's own torrc creates the service.
    Missing,
}

/// Whether Tor uses a changed list.
enum Outcome {
    Applied,
    AtNextStart,
    /// Why it is not known.
    Unknown(String),
}

/// How often, and how many times, the manager's status is read until Tor is reported not to answer.
const STATUS_INTERVAL: Duration = Duration::from_millis(200);
const MAX_READS: u32 = 150;

/// Units: bytes of the list.
const MAX_OF_CLIENTS: u64 = 1 << 20;

/// The clients with access to one of the two onion services. An empty list gives everybody access to the shop, and nobody
/// to the desk.
pub struct ClientList<'a> {
    settings: &'a Settings,
    service: Service,
    file: PathBuf,
    folder: SharedDir,
}

impl<'a> ClientList<'a> {
    pub fn of_shop(settings: &'a Settings) -> Self {
        let file = home(settings).join("onion.clients");
        Self { settings, service: Service::Shop, file, folder: service::folder(settings) }
    }

    pub fn of_desk(settings: &'a Settings) -> Self {
        let file = home(settings).join("desk.clients");
        Self { settings, service: Service::Desk, file, folder: service::desk_folder(settings) }
    }

    pub fn run(&self, action: ClientAction) -> anyhow::Result<ExitCode> {
        match action {
            ClientAction::List => {
                self.require_shop()?;
                self.show()
            }
            ClientAction::Add { name } => self.add(&ClientName::parse(&name)?),
            ClientAction::Remove { name } => {
                self.require_shop()?;
                self.remove(&ClientName::parse(&name)?)
            }
        }
    }

    pub fn names(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.read()?.iter().map(|client| client.name.to_string()).collect())
    }

    /// Gives the list to the process that manages Tor; a missing list counts as an empty one.
    pub fn give_out(&self) -> anyhow::Result<()> {
        self.write_for_tor(&self.read()?)
    }

    /// The same, unless the shop never had a list: a list that the seller keeps in Tor's own folder then stays as it is.
    pub fn give_out_if_present(&self) -> anyhow::Result<()> {
        if self.file.exists() { self.give_out() } else { Ok(()) }
    }

    fn read(&self) -> anyhow::Result<Clients> {
        let text = if_exists(bounded::read_text(&self.file, MAX_OF_CLIENTS))
            .with_context(|| format!("read the list {}", self.file.display()))?;
        Clients::parse(&text.unwrap_or_default())
            .with_context(|| format!("the list {}", self.file.display()))
    }

    fn write_for_tor(&self, clients: &Clients) -> anyhow::Result<()> {
        make_folder(self.folder.path())?;
        self.folder
            .write_clients(clients)
            .with_context(|| format!("write into the folder {}", self.folder.path().display()))
    }

    /// Stores the changed list, gives it out, and waits until Tor uses it.
    fn apply(&self, clients: &Clients) -> anyhow::Result<Outcome> {
        make_folder(&home(self.settings))?;
        atomic_file::write(&self.file, clients.file().as_bytes(), 0o600)
            .with_context(|| format!("store the list {}", self.file.display()))?;
        self.write_for_tor(clients)?;
        Ok(match self.manager() {
            Manager::Running => self.wait_for_tor(clients),
            Manager::Stopped => Outcome::AtNextStart,
            Manager::Silent | Manager::Missing => Outcome::Unknown(
                "nobody in Tor's container answers: `docker compose -f docker-compose.tor.yml up -d` starts it".to_owned(),
            ),
        })
    }

    fn wait_for_tor(&self, clients: &Clients) -> Outcome {
        let expected = clients.file();
        for _ in 0..MAX_READS {
            let current = self.folder.status().and_then(|status| status.clients);
            if current.as_deref() == Some(&expected) {
                return Outcome::Applied;
            }
            thread::sleep(STATUS_INTERVAL);
        }
        let status = self.folder.status().unwrap_or_default();
        Outcome::Unknown(if status.trouble.is_empty() {
            "Tor has not followed the list within 30 seconds".to_owned()
        } else {
            status.trouble
        })
    }

    fn manager(&self) -> Manager {
        match self.folder.status() {
            Some(status) if status.is_fresh(wall().get()) => Manager::Running,
            _ if self.settings.tor.onion_folder.is_some() => Manager::Silent,
            Some(_) => Manager::Stopped,
            None => Manager::Missing,
        }
    }

    fn address(&self) -> Option<OnionAddress> {
        match self.service {
            Service::Shop => service::address(self.settings),
            Service::Desk => self.folder.address(),
        }
    }

    /// The folder in which Tor reads `NAME.auth`, if its own torrc creates the service.
    fn torrc_folder(&self) -> PathBuf {
        let service = match self.service {
            Service::Shop => self.settings.tor.onion_key.as_ref().and_then(|key| key.parent()),
            Service::Desk => None,
        };
        let default = || PathBuf::from("/var/lib/tor").join(self.name());
        service.map_or_else(default, PathBuf::from).join("authorized_clients")
    }

    fn name(&self) -> &'static str {
        match self.service {
            Service::Shop => "shop",
            Service::Desk => "desk",
        }
    }

    fn show(&self) -> anyhow::Result<ExitCode> {
        if self.manager() == Manager::Missing {
            say_error(&format!(
                "Tor's own torrc makes the {}'s onion, and only Tor knows that list: sudo ls {}",
                self.name(),
                self.torrc_folder().display()
            ));
            if !self.file.exists() {
                return Ok(ExitCode::FAILURE);
            }
        }
        self.names()?.iter().for_each(|name| say(name));
        Ok(ExitCode::SUCCESS)
    }

    fn add(&self, name: &ClientName) -> anyhow::Result<ExitCode> {
        let keys = ClientKeys::new(shop_context::random_bytes());
        if self.manager() == Manager::Missing {
            return self.explain_adding(name, &keys);
        }
        let address = self.address().with_context(|| self.no_address())?;
        let mut clients = self.read()?;
        clients.insert(keys.client(name.clone()))?;
        let outcome = self.apply(&clients)?;
        print_keys(&keys, name, Some(&address))?;
        say("");
        let url = address.url();
        let who = match self.service {
            Service::Shop => format!("Only those on the list can reach {url}"),
            Service::Desk => format!("The desk is at {url}, for those on the list alone,"),
        };
        match outcome {
            Outcome::Applied => say(&format!("{who} from now on.")),
            Outcome::AtNextStart => {
                say(&format!("{who} from the next start on."));
                self.explain_torrc(&format!(
                    "put this line into {}/{name}.auth and reload Tor:\n\n  {}",
                    self.torrc_folder().display(),
                    keys.auth_line()
                ));
            }
            Outcome::Unknown(why) => {
                return Ok(fail(&format!(
                    "{name} is on the list, but Tor does not follow it yet: {why}."
                )));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn remove(&self, name: &ClientName) -> anyhow::Result<ExitCode> {
        let manager = self.manager();
        let mut clients = self.read()?;
        let was_listed = clients.remove(name);
        if manager == Manager::Missing {
            if was_listed {
                self.apply(&clients)?;
            }
            return Ok(self.explain_removing(name));
        }
        let (command, destination) = match self.service {
            Service::Shop => ("onion", "in"),
            Service::Desk => ("desk", "to the desk's onion"),
        };
        anyhow::ensure!(
            was_listed,
            "nobody on the list is called {name}: `shop {command} client list` shows them"
        );
        match self.apply(&clients)? {
            Outcome::Applied => {
                say(&format!("{name} can no longer come {destination}, from now on."));
            }
            Outcome::AtNextStart => {
                say(&format!("{name} can no longer come {destination}, from the next start on."));
                self.explain_torrc(&format!(
                    "delete {}/{name}.auth and restart Tor: after a reload alone, clients that connected before still have access.",
                    self.torrc_folder().display()
                ));
            }
            Outcome::Unknown(why) => {
                return Ok(fail(&format!(
                    "{name} is off the list, but the key may still open the {}: {why}.",
                    self.name()
                )));
            }
        }
        if clients.is_empty() {
            say(match self.service {
                Service::Shop => "The list is empty: everyone can reach the shop again.",
                Service::Desk => {
                    "The list is empty: nobody can reach the desk's onion until somebody is on it."
                }
            });
        }
        Ok(ExitCode::SUCCESS)
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

    /// A folder without a list and an onion address may be the wrong one.
    fn require_shop(&self) -> anyhow::Result<()> {
        if self.file.exists() || self.address().is_some() {
            return Ok(());
        }
        shop_context::require_shop(self.settings)
    }

    /// For a shop that was once opened with `serve --tor`, and may have a torrc now.
    fn explain_torrc(&self, what_to_do: &str) {
        say("");
        say_text(&format!(
            "That is for `shop serve --tor`, which is not running. If Tor's own torrc makes the {}'s onion,\n{what_to_do}",
            self.name()
        ));
    }

    fn explain_adding(&self, name: &ClientName, keys: &ClientKeys) -> anyhow::Result<ExitCode> {
        let address = self.address();
        anyhow::ensure!(
            address.is_some() || self.service == Service::Desk,
            "{}",
            self.no_address()
        );
        print_keys(keys, name, address.as_ref())?;
        let file = self.torrc_folder().join(format!("{name}.auth"));
        say("");
        say_text(&format!(
            "Tor's own torrc makes the {}'s onion, and the shop cannot write Tor's folder. NOTHING HAS CHANGED YET.\n\
             Put this line into {}\n\
             (the folder is HiddenServiceDir of your torrc, with authorized_clients behind it):\n\n  {}\n\n",
            self.name(),
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
        Ok(fail(&format!("{name} cannot come in until Tor has that line")))
    }

    fn explain_removing(&self, name: &ClientName) -> ExitCode {
        let file = self.torrc_folder().join(format!("{name}.auth"));
        say_text(&format!(
            "Tor's own torrc makes the {}'s onion, and the shop cannot write Tor's folder. THE KEY STILL WORKS.\n\
             Delete {}\n\
             (the folder is HiddenServiceDir of your torrc, with authorized_clients behind it), then restart Tor:\n\
             after a reload alone, clients that connected before still have access.\n\n  \
             sudo rm {}\n  sudo systemctl restart tor@default\n\n",
            self.name(),
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
        fail(&format!("{name} can still come in until that file is gone and Tor is restarted"))
    }
}

fn fail(message: &str) -> ExitCode {
    say_error(message);
    ExitCode::FAILURE
}

/// `address`: `None` if it is not known.
fn print_keys(
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
