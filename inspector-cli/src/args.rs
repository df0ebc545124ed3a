//! What was typed. Nothing is opened or decided here.

use std::{path::PathBuf, time::Duration};

use clap::{
    Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use inspector_core::{
    output::{self, Output},
    profile::exceptions::Ignore,
};

use crate::{config, exit::Failure};

/// Version, commit and features.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("INSPECTOR_COMMIT"), ")",);

/// What every help ends with.
const EXIT_CODES: &str = "Exit codes: 0 pass, or a listing is done · 1 fail, or a finding at or above --fail-on · 2 usage · \
3 inconclusive · 4 no input could be read · 70 internal error · 74 the output could not be written";

/// Did server-to-server OAuth between Teams or Skype for Business Online and Exchange work, and was Basic
/// authentication never sent? Answers from a recording: pass, fail or inconclusive, with evidence.
#[derive(Debug, Parser)]
#[command(name = "inspector", version = VERSION, propagate_version = true, max_term_width = 100)]
#[command(args_override_self = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge recordings: the verdict, why, the findings, and how much was read
    #[command(visible_alias = "verify")]
    Check(Check),
    /// Split a capture by its connections into files that can be checked apart
    Split(Split),
    /// Judge recordings by the partial results of their parts (check --partial)
    Merge(Merge),
    /// List every HTTP exchange in capture order
    Exchanges(Listing),
    /// List every distinct token: where it was seen, its header and claims
    Tokens(Listing),
    /// Show the authentication messages as a ladder: probe, challenge, token request, token, call, outcome
    Timeline(Timeline),
    /// Say for each connection that gave no HTTP why, and what to do
    Doctor(Listing),
    /// Decode the tokens in what is pasted, from the argument or standard input
    Decode(Decode),
    /// Write a commented profile to begin with, filled with what a recording shows
    Init(Init),
    /// List the rules
    Rules(Rules),
    /// Explain one rule: meaning, evidence, traps, remedy, source
    Explain(Explain),
    /// Make a recording that can be handed over: secrets are replaced, and the result is searched for them
    Redact(Redact),
    /// Write recordings in another form: HAR, NDJSON, a transcript, or exported packets for Wireshark
    Convert(Convert),
    /// Tell what differs between a recording that works and one that does not
    Diff(Diff),
    /// The TLS secrets of recordings: audit, extract, inject, strip, minimise
    Keys(Keys),
    /// Show what is in force here, and from where: defaults and the inspector.toml that is found
    Config(Config),
    /// Write what a shell needs to complete commands and options
    Completions(Completions),
    /// Write the manual pages of all commands into a folder
    Man(Man),
}

/// `inspector completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `inspector man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `inspector split`.
#[derive(Debug, Args)]
#[command(after_help = "Example: inspector split --by-flow 8 capture.pcapng -o parts\n\n\
Every part holds whole connections and the secrets of the capture; packets keep their numbers. Check each with --partial and \
put the results together with inspector merge: the report is that of the capture.\n\n\
Exit codes: 0 written · 2 usage · 4 the capture could not be read · 74 a part could not be written")]
pub(crate) struct Split {
    /// The capture
    #[arg(value_name = "IN")]
    pub(crate) path: PathBuf,
    /// Deal the connections to so many files, by a hash of their addresses and ports
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) by_flow: u16,
    /// The folder the parts are written into; it is made if it is not there
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Print nothing to standard error but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// `inspector merge`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  inspector check --partial parts/1.pcapng --keys tls.keys -o 1.partial\n  \
inspector merge 1.partial 2.partial 3.partial\n\n\
The order does not matter. Options are those the parts were checked with, unless others are given. A part that is missing, \
is there twice or breaks off makes the answer inconclusive. With --partial the results are only put together, to be merged \
with others later.\n\n\
Exit codes: as inspector check. 0 pass · 1 fail, or a finding at or above --fail-on · 2 usage · 3 inconclusive · 4 no partial \
result could be read · 74 the output could not be written")]
#[command(mut_arg("paths", |option| option.value_name("PARTIAL").help("Partial results, or folders of them")))]
#[command(mut_arg("keys", |option| option.hide(true)), mut_arg("no_found_keys", |option| option.hide(true)))]
#[command(mut_arg("time", |option| option.hide(true)), mut_arg("until_verdict", |option| option.hide(true)))]
#[command(mut_arg("jobs", |option| option.hide(true)), mut_arg("show_secrets", |option| option.hide(true)))]
#[command(mut_arg("jwks", |option| option.hide(true)), mut_arg("words", |option| option.hide(true)))]
pub(crate) struct Merge {
    #[command(flatten)]
    pub(crate) check: Check,
    /// Options that were typed.
    #[arg(skip)]
    pub(crate) typed: Vec<String>,
}

/// `inspector redact`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  inspector redact in.har -o out.har --receipt receipt.json\n  \
inspector redact in.pcap -o out.pcap --pseudonymise users,hosts,addresses,tenants\n\n\
Exit codes: 0 written · 1 refused: a secret of the input would stand in the output, and nothing is left of it · 2 usage · \
4 no input could be read · 74 the output could not be written")]
#[command(mut_arg("show_secrets", |option| option.hide(true)))]
pub(crate) struct Redact {
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Write what was replaced, by kind, with sizes and digests, as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
    /// Replace names one to one by others of the same length, the same wherever they stand: a list of users, hosts,
    /// addresses, tenants. Of addresses networks stay together; private ones stay private
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = ["users", "hosts", "addresses", "tenants"])]
    pub(crate) pseudonymise: Vec<String>,
    /// Make the same names of the same ones in other runs: a file with 16 secret bytes or more. Without it a run has its own
    #[arg(long, value_name = "FILE", requires = "pseudonymise")]
    pub(crate) pseudonym_key: Option<PathBuf>,
    /// Leave the contents of messages out (written as HAR, NDJSON or transcript)
    #[arg(long)]
    pub(crate) drop_bodies: bool,
    /// Keep only what was said with the hosts of --host (written as HAR, NDJSON or transcript)
    #[arg(long)]
    pub(crate) only_hosts: bool,
    /// Of an encrypted pcapng: keep it encrypted, with the keys of the connections in scope (--host) only. Whoever has it
    /// can read those connections with all their secrets
    #[arg(long)]
    pub(crate) keep_encrypted: bool,
}

/// `inspector convert`.
#[derive(Debug, Args)]
#[command(after_help = "Example: inspector convert capture.pcapng --keys tls.keys -o capture.har\n\n\
Exit codes: 0 written · 1 refused: a secret would stand in the output, and nothing was written · 2 usage · \
4 no input could be read · 74 the output could not be written")]
pub(crate) struct Convert {
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// The form; without it the ending of the output's name tells: .har, .ndjson, .http, .pcapng
    #[arg(long, value_name = "FORM", value_parser = ["har", "ndjson", "http", "pcapng"])]
    pub(crate) to: Option<String>,
}

/// `inspector diff`.
#[derive(Debug, Args)]
#[command(after_help = "Example: inspector diff good.har bad.pcapng --keys tls.keys\n\n\
Exit codes: 0 equal · 1 different · 2 usage · 3 one of the two is inconclusive · 4 one of them could not be read")]
pub(crate) struct Diff {
    /// The recording that works: a file or a folder
    #[arg(value_name = "GOOD")]
    pub(crate) good: PathBuf,
    /// The one that does not
    #[arg(value_name = "BAD")]
    pub(crate) bad: PathBuf,
    /// Key log (SSLKEYLOGFILE), RSA private key (PEM or DER), or a folder of them, for both; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    /// Limit the scope to hosts that match; may be repeated
    #[arg(long, value_name = "PATTERN", value_parser = filled)]
    pub(crate) host: Vec<String>,
    #[command(flatten)]
    pub(crate) judging: Judging,
    /// Write to this file instead of standard output (-)
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = DiffFormat::Human)]
    pub(crate) format: DiffFormat,
    /// Memory the bounds of one recording are made for, at least 16M, for example 64M or 1G
    #[arg(long, value_name = "SIZE", value_parser = memory, default_value = "64M")]
    pub(crate) max_memory: u64,
    /// Print no progress, warnings or hints to standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Colour the output
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// Output formats of `inspector diff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// For people
    #[value(alias = "text")]
    Human,
    /// One JSON document
    Json,
    /// For a ticket
    Markdown,
}

/// `inspector keys`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  inspector keys audit capture.pcapng --keys tls.keys\n  \
inspector keys minimise capture.pcapng --host mail.contoso.com -o one.pcapng\n\n\
Exit codes: 0 done · 1 refused: what was asked for cannot be had without giving away more (minimise) · 2 usage · \
4 no input could be read")]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

/// What is done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Tell which secrets open which connections, which are unused, and which are missing
    Audit(KeysAudit),
    /// Write the keys inside captures as a key log
    Extract(KeysOut),
    /// Put key logs into a pcapng
    Inject(KeysInject),
    /// Take all keys out of a pcapng; every other byte stays
    Strip(KeysOut),
    /// Keep only the keys of the connections in scope (--host): inside a pcapng, or as a key log
    #[command(visible_alias = "minimize")]
    Minimise(KeysMinimise),
}

/// `inspector keys audit`.
#[derive(Debug, Args)]
pub(crate) struct KeysAudit {
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Output format
    #[arg(long, value_enum, default_value_t = ConfigFormat::Human)]
    pub(crate) format: ConfigFormat,
}

/// `inspector keys extract` and `strip`.
#[derive(Debug, Args)]
pub(crate) struct KeysOut {
    /// Captures (pcapng)
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Write to this file
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// `inspector keys inject`.
#[derive(Debug, Args)]
pub(crate) struct KeysInject {
    /// The capture (pcapng)
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
    /// Key log (SSLKEYLOGFILE); may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) keys: Vec<PathBuf>,
    /// Write to this file
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// `inspector keys minimise`.
#[derive(Debug, Args)]
pub(crate) struct KeysMinimise {
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Write a key log, also of a pcapng
    #[arg(long)]
    pub(crate) log: bool,
}

/// `inspector config`.
#[derive(Debug, Args)]
#[command(after_help = "Example: inspector config --format json\n\n\
Exit codes: 0 shown · 2 the file is wrong, or missing (--config)")]
pub(crate) struct Config {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Output format
    #[arg(long, value_enum, default_value_t = ConfigFormat::Human)]
    pub(crate) format: ConfigFormat,
    /// Colour the output
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// Output formats of `inspector config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConfigFormat {
    /// For people
    #[value(alias = "text")]
    Human,
    /// One JSON document
    Json,
}

/// Where settings come from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ConfigFile {
    /// Settings of this file, instead of the inspector.toml that is found from the working directory upwards
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub(crate) config: Option<PathBuf>,
    /// Look for no inspector.toml
    #[arg(long)]
    pub(crate) no_config: bool,
}

/// What all commands that read recordings share.
#[derive(Debug, Args)]
pub(crate) struct Reading {
    /// Recordings: files, folders (searched for known formats), or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Key log (SSLKEYLOGFILE), RSA private key (PEM or DER), or a folder of them; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    /// Keys that are no files: the text of a variable, and its name.
    #[arg(skip)]
    pub(crate) key_texts: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) config: ConfigFile,
    /// Use only the keys of --keys: not those that lie in the folders of the recordings
    #[arg(long)]
    pub(crate) no_found_keys: bool,
    /// Limit the scope to hosts that match, for example mail.contoso.com or '*.contoso.com'; may be repeated
    #[arg(long, value_name = "PATTERN", value_parser = filled)]
    pub(crate) host: Vec<String>,
    /// Of a pipe (-): stop reading after this time, for example 60s, 5m or 1h, and judge what came
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) time: Option<Duration>,
    /// Write to this file instead of standard output (-)
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Show tokens, fields and URLs as they were sent. Passwords in findings stay masked: `inspector exchanges` shows the
    /// message
    #[arg(long)]
    pub(crate) show_secrets: bool,
    /// Threads that may work at once [default: as many as there are processors, and for 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=256))]
    pub(crate) jobs: Option<u16>,
    /// Memory the bounds of one recording are made for, for example 64M or 1G; below 16M they are those for 16M
    #[arg(long, value_name = "SIZE", value_parser = memory, default_value = "64M")]
    pub(crate) max_memory: u64,
    /// Print no progress, warnings or hints to standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Colour the output
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// How the recordings are judged.
#[derive(Debug, Args)]
pub(crate) struct Judging {
    /// Profile: exchange-s2s, generic, entra, sharepoint-s2s, or a TOML file (`inspector init` writes one)
    #[arg(long, value_name = "NAME|FILE", default_value = "exchange-s2s")]
    pub(crate) profile: String,
    /// The tenant or SIP domain that is expected in the tokens
    #[arg(long, value_name = "REALM", value_parser = realm)]
    pub(crate) realm: Option<String>,
    /// Keys to verify signatures with: JWKS or JWK, certificates or public keys (PEM, DER), metadata JSON, federation
    /// metadata; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Vec<PathBuf>,
    /// Judge lifetimes at the time of the capture, now, or at a moment (RFC 3339)
    #[arg(long, value_name = "capture|now|RFC3339", default_value = "capture")]
    pub(crate) at: String,
    /// What only a file says.
    #[arg(skip)]
    pub(crate) agreed: Agreed,
}

/// What only the settings of a file say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreed {
    /// The file.
    pub(crate) file: String,
    pub(crate) realms: Vec<String>,
    /// Ignores that have not ended.
    pub(crate) ignores: Vec<Ignore>,
    pub(crate) allow_inconclusive: bool,
}

/// `inspector check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  inspector check capture.pcapng --keys tls.keys\n  \
inspector check recording.har --report html=report.html --report sarif=report.sarif")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) judging: Judging,
    /// Words, one a line, to try as secrets of tokens signed by HMAC (JWT-026); none is ever shown
    #[arg(long, value_name = "FILE")]
    pub(crate) words: Option<PathBuf>,
    /// End with exit code 1 if there is a finding of this severity or above
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<Severity>,
    /// Findings that are known: they do not count for --fail-on. A fail of the outcome stays, and so does what blocks
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write the findings of this run as a baseline to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Write a partial result to the file of --output instead of judging: without secrets, to be judged with those of other
    /// parts by `inspector merge`
    #[arg(long, conflicts_with_all = ["baseline", "write_baseline", "until_verdict", "summary", "verbose", "report"])]
    pub(crate) partial: bool,
    /// Of a pipe (-): stop reading once a call of an expected caller was answered, or something fails
    #[arg(long)]
    pub(crate) until_verdict: bool,
    /// Print only the table: a line a recording
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) summary: bool,
    /// Print all findings whole, and the facts too
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Output format; `github` adds a summary in Markdown to the file of GITHUB_STEP_SUMMARY
    #[arg(long, value_parser = forms(), default_value = "human")]
    pub(crate) format: Form,
    /// Write the answer in that format to a file, too (- is standard output); may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = written)]
    pub(crate) report: Vec<Written>,
}

/// A form of the answer of `inspector check`.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// For people.
    Human,
    /// One that other programs read.
    Other(&'static dyn Output),
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Human => f.write_str("human"),
            Self::Other(output) => f.write_str(output.name()),
        }
    }
}

impl Form {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "human" | "text" => Some(Self::Human),
            name => output::find(name).map(Self::Other),
        }
    }
}

/// An answer that is written to a file of its own.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) form: Form,
    pub(crate) path: PathBuf,
}

/// The forms by their words.
fn forms() -> impl TypedValueParser<Value = Form> {
    let others = output::OUTPUTS.iter().map(|output| PossibleValue::new(output.name()));
    let all: Vec<PossibleValue> = std::iter::once(PossibleValue::new("human").alias("text")).chain(others).collect();
    PossibleValuesParser::new(all).map(|name| Form::named(&name).unwrap_or(Form::Human))
}

pub(crate) fn written(text: &str) -> Result<Written, String> {
    let (name, path) = text.split_once('=').ok_or("write FORMAT=FILE, for example sarif=inspector.sarif")?;
    let form = Form::named(name).ok_or_else(|| {
        let others: Vec<&str> = output::OUTPUTS.iter().map(|output| output.name()).collect();
        format!("'{name}' is no format; there are human, {}", others.join(", "))
    })?;
    if path.is_empty() {
        return Err("the file is missing: FORMAT=FILE".to_owned());
    }
    Ok(Written { form, path: path.into() })
}

/// `inspector exchanges`, `tokens`, `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) judging: Judging,
    /// With --format ndjson: a last object tells how much was read
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// `inspector timeline`.
#[derive(Debug, Args)]
pub(crate) struct Timeline {
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) judging: Judging,
    /// Show all messages, not only those of authentication
    #[arg(long)]
    pub(crate) all: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = TimelineFormat::Human)]
    pub(crate) format: TimelineFormat,
}

/// `inspector decode`.
#[derive(Debug, Args)]
pub(crate) struct Decode {
    /// A token, header fields, a form, a cookie, JSON or a curl command; - or nothing: standard input
    pub(crate) token: Option<String>,
    /// Keys to verify the signature with
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Vec<PathBuf>,
    /// Show tokens and the secrets in their claims as they are
    #[arg(long)]
    pub(crate) show_secrets: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Colour the output
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// `inspector init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Recordings that show what to propose: realms, hosts, application ids
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The built-in profile to extend
    #[arg(long, value_name = "NAME", default_value = "exchange-s2s")]
    pub(crate) profile: String,
    /// Write to this file, which must not be there yet, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Key log (SSLKEYLOGFILE), RSA private key (PEM or DER), or a folder of them; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    /// Memory the bounds are made for, for example 64M or 1G; below 16M they are those for 16M
    #[arg(long, value_name = "SIZE", value_parser = memory, default_value = "64M")]
    pub(crate) max_memory: u64,
    /// Print no progress, warnings or hints to standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Colour the output
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// `inspector rules`.
#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// Output format
    #[arg(long, value_enum, default_value_t = CatalogueFormat::Human)]
    pub(crate) format: CatalogueFormat,
    /// Colour the output
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// `inspector explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A rule's code or name, for example S2S-001 or expected-issuer-present
    pub(crate) code: String,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Colour the output
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// Output formats of most commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[value(alias = "text")]
    Human,
    /// One JSON document
    Json,
    /// One JSON object a line
    Ndjson,
}

/// Output formats of `inspector rules`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CatalogueFormat {
    /// For people
    #[value(alias = "text")]
    Human,
    /// One JSON document
    Json,
    /// The rules' documentation as Markdown
    Markdown,
}

/// Output formats of `inspector timeline`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimelineFormat {
    /// A ladder of 80 columns
    #[value(alias = "text")]
    Human,
    /// A Mermaid sequence diagram
    Mermaid,
    /// One JSON document
    Json,
    /// One JSON object a line
    Ndjson,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// If standard output is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Severities of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Severity {
    /// Everything
    Info,
    /// Low
    Low,
    /// Medium
    Medium,
    /// High
    High,
    /// Critical
    Critical,
}

/// Parses the command line.
pub(crate) fn parse() -> Result<Arguments, Failure> {
    let matches = command().try_get_matches().map_err(Failure::Arguments)?;
    let mut arguments = Arguments::from_arg_matches(&matches).map_err(Failure::Arguments)?;
    let typed = |name: &str| {
        let of = matches.subcommand().map(|(_, of)| of);
        of.is_some_and(|of| of.value_source(name) == Some(clap::parser::ValueSource::CommandLine))
    };
    config::apply(&mut arguments.command, &typed)?;
    if let Command::Merge(merge) = &mut arguments.command {
        merge.typed = ["profile", "at"].into_iter().filter(|name| typed(name)).map(str::to_owned).collect();
    }
    Ok(arguments)
}

/// The command line with what every command says.
fn command() -> clap::Command {
    let features = if cfg!(feature = "mimalloc") { "features: mimalloc" } else { "features: none" };
    let version: &'static str = Box::leak(format!("{VERSION}, {features}").into_boxed_str());
    let command = Arguments::command().version(version).after_help(EXIT_CODES);
    command.mut_subcommands(|command| {
        let own = command.get_after_help().cloned();
        command.version(version).after_help(own.unwrap_or_else(|| EXIT_CODES.into()))
    })
}

/// `60s`, `5m`, `1h`, `90`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let wrong = || format!("'{text}' is no time; write for example 60s, 5m or 1h");
    let seconds: u64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit.trim() {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    if seconds == 0 {
        return Err(wrong());
    }
    seconds.checked_mul(factor).map(Duration::from_secs).ok_or_else(wrong)
}

/// A value that says something.
fn filled(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("it is empty; leave the option out".to_owned()) } else { Ok(text.to_owned()) }
}

/// A realm, also as it stands behind an application's id: `@contoso.com`.
fn realm(text: &str) -> Result<String, String> {
    filled(text.trim().trim_start_matches('@'))
}

/// Less is a mistake; from here to `Limits::LEAST_MEMORY` of the core the bounds are those of the least.
const LEAST_MEMORY: u64 = 4 << 20;

/// A size that bounds can be made for.
fn memory(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    if bytes < LEAST_MEMORY {
        return Err(format!("'{text}' is too little; the least is {}M", LEAST_MEMORY >> 20));
    }
    Ok(bytes)
}

/// `64M`, `1G`, `512KiB`, `1000000`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return Err(format!("'{text}' is no size; write for example 64M or 1G")),
    };
    let number: u64 = number.parse().map_err(|_| format!("'{text}' is no size; write for example 64M or 1G"))?;
    number.checked_mul(1 << shift).ok_or_else(|| format!("'{text}' is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("64M", 64 << 20), ("1g", 1 << 30), ("8192KiB", 8 << 20), ("5000000", 5_000_000), ("4MB", 4 << 20)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "64X", "-1", "99999999999999999999", "99999999999G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn memory_that_no_bounds_fit_is_refused_with_the_least() {
        for text in ["4M", "16M", "64M", "1G", "4194304"] {
            assert_eq!(memory(text), size(text), "{text}");
        }
        for text in ["0", "3M", "1000", "4194303"] {
            assert_eq!(memory(text), Err(format!("'{text}' is too little; the least is 4M")));
        }
    }

    #[test]
    fn times() {
        for (text, seconds) in [("60s", 60), ("5m", 300), ("1h", 3600), ("90", 90)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "0s", "5 days", "-1", "99999999999999999999"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
