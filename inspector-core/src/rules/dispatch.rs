//! The rules of an analysis, and whom of them an exchange is shown.
//!
//! Four steps keep the usual exchange cheap: its occasions are worked out once; a rule that wants none of them is not
//! asked; of exchanges of one shape only the first few are judged by the rules whose verdict rests on the shape, and for
//! the rest the findings are counted; and the few others see it.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::{
    connection::ConnectionReport,
    evidence::SourceId,
    finding::{Findings, Reported},
    handshake::{ledger::Ledger, observation::Observation},
    limits::Limits,
    note::Note,
    policy::Policy,
    rules::{
        Context, Rule, Summary, entries,
        occasion::{Basis, Occasions},
        shape::Shapes,
    },
};

/// Kinds of exchanges whose rules are remembered.
const KINDS: usize = 64;

/// The rules of an analysis.
pub(crate) struct Dispatch {
    rules: Vec<ActiveRule>,
    /// The numbers of those that have to see every exchange that offers what they want, by what it offers: of the few
    /// kinds of exchanges that most of a recording are.
    everything: HashMap<Occasions, Box<[u16]>, RandomState>,
    verdicts: Shapes<Verdict>,
    /// Every rule is asked about every exchange.
    thorough: bool,
}

struct ActiveRule {
    rule: Box<dyn Rule>,
    wants: Occasions,
    basis: Basis,
}

/// What the rules found that judge by the shape.
#[derive(Debug)]
struct Verdict {
    /// What is counted for each further exchange of the shape.
    reported: Box<[Reported]>,
    /// Of each of them there is as much evidence as is kept.
    is_full: bool,
    /// Further exchanges that are not yet counted.
    repeats: u64,
    /// The rules that have to be asked again, by number, in their order; none if it is just those that have to see
    /// everything.
    asked: Box<[u16]>,
}

/// The numbers of the rules that have to see every exchange which offers that, in their order.
fn seers(rules: &[ActiveRule], offered: Occasions) -> Box<[u16]> {
    let all = (0_u16..).zip(rules).filter(|(_, member)| member.basis == Basis::Everything);
    all.filter(|(_, member)| member.wants.meet(offered)).map(|(number, _)| number).collect()
}

impl Dispatch {
    /// All rules, each anew.
    pub(crate) fn new(limits: &Limits) -> Self {
        let member = |rule: Box<dyn Rule>| ActiveRule { wants: rule.occasions(), basis: rule.basis(), rule };
        Self {
            rules: entries().map(|entry| member((entry.make)())).collect(),
            everything: HashMap::default(),
            verdicts: Shapes::new(limits.tokens),
            thorough: false,
        }
    }

    /// Lets every rule see every exchange, which finds the same and takes longer: what tests compare with.
    pub(crate) const fn ask_all(&mut self) {
        self.thorough = true;
    }

    /// Takes all rules away.
    pub(crate) fn dismiss(&mut self) {
        self.rules.clear();
    }

    /// Shows an exchange to the rules.
    pub(crate) fn exchange(
        &mut self,
        observation: &Observation<'_>,
        policy: &Policy,
        ledger: &Ledger,
        findings: &mut Findings,
    ) {
        let offered = Occasions::of(observation);
        let key = if self.thorough { None } else { self.verdicts.key(observation, ledger) };
        let mut known = key.as_ref().and_then(|key| self.verdicts.get(key, observation));
        if let Some(verdict) = &mut known {
            verdict.is_full = verdict.is_full || findings.have_evidence(&verdict.reported);
        }
        if let Some(verdict) = known.as_mut().filter(|verdict| verdict.is_full) {
            verdict.repeats += 1;
            let mut context = Context::new(policy, ledger, findings);
            if self.everything.len() >= KINDS && !self.everything.contains_key(&offered) {
                self.everything.clear();
            }
            let everything = self.everything.entry(offered).or_insert_with(|| seers(&self.rules, offered));
            let asked = if verdict.asked.is_empty() { everything } else { &verdict.asked };
            for number in asked {
                if let Some(member) =
                    self.rules.get_mut(usize::from(*number)).filter(|member| member.wants.meet(offered))
                {
                    member.rule.exchange(observation, &mut context);
                }
            }
            return;
        }
        let is_new = known.is_none();
        let mut verdict = (Vec::new(), Vec::new());
        findings.listen(key.is_some());
        for (number, member) in (0_u16..).zip(&mut self.rules) {
            if !self.thorough && !member.wants.meet(offered) {
                continue;
            }
            member.rule.exchange(observation, &mut Context::new(policy, ledger, findings));
            let reported = findings.take_reported();
            match member.basis {
                Basis::Shape => verdict.0.extend(reported),
                Basis::SilentByShape if reported.len() > 0 => verdict.1.push(number),
                Basis::SilentByShape | Basis::Everything => {}
            }
        }
        findings.listen(false);
        if let Some(key) = key.filter(|_| is_new) {
            let (reported, mut asked) = verdict;
            if !asked.is_empty() {
                asked.extend(seers(&self.rules, Occasions::ALL).iter());
                asked.sort_unstable();
            }
            let verdict = Verdict { reported: reported.into(), asked: asked.into(), is_full: false, repeats: 0 };
            self.verdicts.keep(key, observation, verdict);
        }
    }

    /// Shows what became of a connection to the rules.
    pub(crate) fn connection(&mut self, source: SourceId, report: &ConnectionReport, context: &mut Context<'_>) {
        for member in &mut self.rules {
            member.rule.connection(source, report, context);
        }
    }

    /// Shows a note to the rules.
    pub(crate) fn note(&mut self, source: SourceId, note: &Note, context: &mut Context<'_>) {
        for member in &mut self.rules {
            member.rule.note(source, note, context);
        }
    }

    /// Tells the rules that all is over.
    pub(crate) fn finish(&mut self, summary: &Summary<'_>, context: &mut Context<'_>) {
        for verdict in self.verdicts.values() {
            context.repeat(&verdict.reported, std::mem::take(&mut verdict.repeats));
        }
        for member in &mut self.rules {
            member.rule.finish(summary, context);
        }
    }
}
