//! Elections in preparation: a form in steps, trustees' invitations, a preview of the ballots, and the beginning.

use askama::Template;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use veritally_crypto::canonical;
use veritally_crypto::contests::Rule;
use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::{BallotStyle, Contest, NamedKey, Texts, TrusteeKeys, text};
use veritally_crypto::text::{crockford, grouped};

use super::manifest::{self, Problems};
use super::{Answer, Form, Frame, Page, Refusal, Visit, Words, elections, invitations, redirect, token};
use crate::admin_store::{Kind, Role};
use crate::web::outcome::describe_rule;
use crate::web::words::Language;

/// A minute, in milliseconds.
const MINUTE_MS: u64 = 60_000;
/// Most contests.
const MAX_CONTESTS: usize = 50;

/// A contest in preparation: the fields of all types, of which its own use some.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ContestDraft {
    pub id: String,
    pub name: Texts,
    pub kind: String,
    /// One a line: `[id:] name in the first language | in the second | …`.
    pub options: String,
    pub min: u64,
    pub max: u64,
    pub seats: u64,
    pub blank: bool,
    pub undervotes: bool,
    pub random_order: bool,
    pub score_max: u64,
    pub limit: u64,
    pub credits: u64,
    pub places: u64,
    /// Borda's last place is worth as little as none.
    pub last_is_nothing: bool,
}

impl Default for ContestDraft {
    fn default() -> Self {
        Self {
            id: String::new(),
            name: Texts::new(),
            kind: "choice".into(),
            options: String::new(),
            min: 1,
            max: 1,
            seats: 1,
            blank: false,
            undervotes: false,
            random_order: false,
            score_max: 5,
            limit: 0,
            credits: 25,
            places: 3,
            last_is_nothing: false,
        }
    }
}

/// An invited trustee.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TrusteeDraft {
    pub name: String,
    pub token: String,
    pub keys: Option<TrusteeKeys>,
}

impl TrusteeDraft {
    /// What trustee and administrator read to each other: 100 bits of the public file's hash.
    pub(super) fn fingerprint(&self) -> Option<String> {
        let bytes = canonical::to_bytes(self.keys.as_ref()?).ok()?;
        Some(grouped(&crockford(&Hash::of(&bytes).0, 20)))
    }
}

/// An election in preparation.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    pub election: String,
    pub languages: Vec<String>,
    pub name: Texts,
    pub description: Texts,
    pub administrator: String,
    /// `2027-05-08T20:00`, UTC, as browsers send it; or empty.
    pub opens: String,
    pub closes: String,
    pub contests: Vec<ContestDraft>,
    /// One a line: `[id:] name = contest, contest`.
    pub styles: String,
    /// One a line: `[id:] name`.
    pub groups: String,
    pub quorum: u64,
    /// 0: by the rule.
    pub agreement_quorum: u64,
    pub floor: u64,
    pub casts: u64,
    pub dispute_ms: u64,
    pub weights_may_identify: bool,
    /// 0: as usual.
    pub max_total_weight: u64,
    pub witnesses: Vec<NamedKey>,
    pub witness_quorum: u64,
    pub registrar: Option<NamedKey>,
    pub trustees: Vec<TrusteeDraft>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            election: String::new(),
            languages: vec!["en".into()],
            name: Texts::new(),
            description: Texts::new(),
            administrator: "administrator".into(),
            opens: String::new(),
            closes: String::new(),
            contests: vec![],
            styles: String::new(),
            groups: String::new(),
            quorum: 2,
            agreement_quorum: 0,
            floor: 10,
            casts: 10,
            dispute_ms: 60 * MINUTE_MS,
            weights_may_identify: false,
            max_total_weight: 0,
            witnesses: vec![],
            witness_quorum: 0,
            registrar: None,
            trustees: vec![],
        }
    }
}

const STEPS: [&str; 5] = ["basics", "contests", "voters", "trustees", "review"];

pub(super) async fn find(visit: &Visit<'_>, key: &str) -> Result<Draft, Refusal> {
    let bytes = visit.dashboard.store.find(Kind::Draft, key).await?.ok_or(Refusal::NotFound)?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::Internal)
}

pub(super) async fn keep(visit: &Visit<'_>, key: &str, draft: &Draft) -> Result<(), Refusal> {
    let bytes = serde_json::to_vec(draft).map_err(|_| Refusal::Internal)?;
    Ok(visit.dashboard.store.put(Kind::Draft, key, bytes, visit.dashboard.now_ms()).await?)
}

/// Begins a draft: empty, or like an old election.
pub(super) async fn begin(visit: &Visit<'_>, form: &Form) -> Answer {
    visit.need(Role::Manager)?;
    let mut draft = match form.text("copy") {
        "" => Draft { languages: vec![visit.w.0.tag().to_owned()], ..Draft::default() },
        id => manifest::copy(elections::find(visit, id)?.manifest()),
    };
    draft.administrator.clone_from(&visit.account()?.0.name);
    let key = token()?.chars().take(16).collect::<String>();
    keep(visit, &key, &draft).await?;
    visit.note("draft", &key, form.text("copy")).await?;
    Ok(redirect(&format!("/admin/d/{key}/basics")))
}

/// A ballot as a voter will see it.
struct Preview {
    style: String,
    contests: Vec<ContestPreview>,
}

struct ContestPreview {
    name: String,
    rule: String,
    kind: &'static str,
    single: bool,
    /// What the choice of nobody is called, where there is one.
    blank: Option<String>,
    options: Vec<String>,
    max: u64,
}

struct TrusteeLine {
    name: String,
    link: String,
    fingerprint: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/draft.html")]
struct DraftPage {
    p: Page,
    w: Words,
    f: Frame,
    key: String,
    step: &'static str,
    d: Draft,
    all_languages: Vec<(&'static str, &'static str, bool)>,
    kinds: [&'static str; 5],
    trustees: Vec<TrusteeLine>,
    missing: Vec<&'static str>,
    wrong: Option<String>,
    /// The election can be made.
    ready: bool,
    previews: Vec<Preview>,
    preview_language: String,
}

impl DraftPage {
    fn steps(&self) -> [(&'static str, bool); 5] {
        STEPS.map(|step| (step, step == self.step))
    }

    fn step_name(&self, step: &str) -> &'static str {
        STEPS.iter().find(|known| **known == step).map_or("", |step| self.w.s(&format!("step_{step}")))
    }

    fn kind_name(&self, kind: &str) -> &'static str {
        self.w.s(&format!("kind_{kind}"))
    }

    /// The text in a language, for a field.
    fn field<'t>(&self, texts: &'t Texts, language: &str) -> &'t str {
        texts.get(language).map_or("", String::as_str)
    }

    fn dispute_minutes(&self) -> u64 {
        self.d.dispute_ms / MINUTE_MS
    }

    /// The witnesses as lines of their field.
    fn witnesses(&self) -> String {
        self.d.witnesses.iter().map(|witness| format!("{} {}\n", witness.key, witness.name)).collect()
    }

    fn name(&self) -> String {
        let name = text(&self.d.name, self.w.0.tag());
        if name.is_empty() { self.w.t("new_election").to_owned() } else { name.to_owned() }
    }
}

pub(super) async fn page(visit: &Visit<'_>, key: &str, step: &str) -> Answer {
    page_with(visit, key, step, None).await
}

async fn page_with(visit: &Visit<'_>, key: &str, step: &str, said: Option<String>) -> Answer {
    visit.need(Role::Manager)?;
    let step = STEPS.into_iter().find(|known| *known == step).ok_or(Refusal::NotFound)?;
    let draft = find(visit, key).await?;
    let w = visit.w;
    let origin = visit.asked.origin();
    let line = |trustee: &TrusteeDraft| TrusteeLine {
        name: trustee.name.clone(),
        link: format!("{origin}/invitation/{}", trustee.token),
        fingerprint: trustee.fingerprint(),
    };
    let preview_language = visit.asked.query.get("in").filter(|l| draft.languages.contains(l)).cloned();
    let preview_language = preview_language.or_else(|| draft.languages.first().cloned()).unwrap_or_default();
    let (mut missing, mut wrong, mut previews, mut ready) = (vec![], said, vec![], false);
    if step == "review" {
        match manifest::make(visit.dashboard, &draft) {
            Ok(_) => ready = true,
            Err(Problems::Missing(keys)) => missing = keys,
            Err(Problems::Wrong(text)) => wrong = wrong.or(Some(text)),
        }
        // Also while registrar and trustees are awaited: people look at ballots first.
        match manifest::ballots(&draft) {
            Ok((contests, styles)) if !contests.is_empty() => {
                previews = preview(&contests, &styles, &preview_language);
            }
            Ok(_) => {}
            Err(text) => wrong = wrong.or(Some(text)),
        }
    }
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = DraftPage {
        p: Page::new(w.t("new_election"), visit.asked, visit.web),
        w,
        f: visit.frame(),
        key: key.to_owned(),
        step,
        all_languages: Language::ALL
            .map(|l| (l.tag(), l.name(), draft.languages.iter().any(|x| x == l.tag())))
            .to_vec(),
        kinds: ["choice", "score", "quadratic", "borda", "condorcet"],
        trustees: draft.trustees.iter().map(line).collect(),
        d: draft,
        missing,
        wrong,
        ready,
        previews,
        preview_language,
    };
    Ok(visit.page_with(status, &page))
}

fn preview(contests: &[Contest], styles: &[BallotStyle], language: &str) -> Vec<Preview> {
    let w = Words(Language::parse(language).unwrap_or(Language::En));
    let contest = |contest: &Contest| {
        let (single, blank, max) = match &contest.rule {
            Rule::Choice(rule) => (rule.max == 1, rule.blank, rule.max),
            Rule::Score(rule) => (false, false, rule.max),
            Rule::Quadratic(rule) => (false, false, rule.most_votes()),
            Rule::Borda(rule) => (false, false, rule.places),
            Rule::Condorcet(_) => (false, false, contest.selections.len() as u64),
        };
        ContestPreview {
            name: text(&contest.name, language).to_owned(),
            rule: describe_rule(contest, w),
            kind: contest.rule.type_name(),
            options: contest.selections.iter().map(|s| text(&s.name, language).to_owned()).collect(),
            single,
            blank: blank.then(|| w.t("blank_choice").to_owned()),
            max,
        }
    };
    let style = |style: &BallotStyle| Preview {
        style: text(&style.name, language).to_owned(),
        contests: contests.iter().filter(|c| style.contests.contains(&c.id)).map(contest).collect(),
    };
    styles.iter().map(style).collect()
}

/// Keeps what a step's form says, does what its button says, and goes on.
pub(super) async fn save(visit: &Visit<'_>, key: &str, step: &str, form: &Form) -> Answer {
    visit.need(Role::Manager)?;
    let _one_at_a_time = visit.dashboard.drafting.lock().await;
    let mut draft = find(visit, key).await?;
    let button = form.text("do").to_owned();
    if button == "delete" {
        visit.dashboard.store.take(Kind::Draft, key).await?;
        visit.note("draft-deleted", key, "").await?;
        return Ok(redirect("/admin?done=draft_deleted"));
    }
    match step {
        "basics" => basics(&mut draft, form),
        "contests" => contests(&mut draft, form, &button),
        "voters" => {
            if let Err(key_of) = voters(&mut draft, form) {
                keep(visit, key, &draft).await?;
                return page_with(visit, key, step, Some(visit.w.t(key_of).to_owned())).await;
            }
        }
        "trustees" => {
            invitations::change(visit, key, &mut draft, form, &button).await?;
            let Some(witnesses) = manifest::witnesses(form.raw("witnesses")) else {
                keep(visit, key, &draft).await?;
                return page_with(visit, key, step, Some(visit.w.t("bad_witnesses").to_owned())).await;
            };
            draft.witnesses = witnesses;
            draft.witness_quorum = number(form, "witness_quorum", draft.witness_quorum);
        }
        "review" if button == "create" => return create(visit, key, &draft, form).await,
        _ => return Err(Refusal::NotFound),
    }
    keep(visit, key, &draft).await?;
    let next = STEPS.iter().position(|known| *known == step).and_then(|i| STEPS.get(i + 1)).unwrap_or(&"review");
    let to = if button == "next" { next } else { step };
    Ok(redirect(&format!("/admin/d/{key}/{to}")))
}

pub(super) fn number(form: &Form, name: &str, otherwise: u64) -> u64 {
    form.text(name).parse().unwrap_or(otherwise)
}

fn basics(draft: &mut Draft, form: &Form) {
    draft.election = form.text("election").to_owned();
    let chosen: Vec<_> =
        Language::ALL.into_iter().map(Language::tag).filter(|l| form.ticked(&format!("lang_{l}"))).collect();
    if !chosen.is_empty() {
        draft.languages = chosen.into_iter().map(str::to_owned).collect();
    }
    draft.name = each(draft, form, "name");
    draft.description = each(draft, form, "description");
    draft.administrator = form.text("administrator").to_owned();
    draft.opens = form.text("opens").chars().take(16).collect();
    draft.closes = form.text("closes").chars().take(16).collect();
    let minutes = number(form, "dispute_minutes", draft.dispute_ms / MINUTE_MS);
    // A copied election's may be no number of minutes: kept until somebody changes it.
    if minutes != draft.dispute_ms / MINUTE_MS {
        draft.dispute_ms = minutes.saturating_mul(MINUTE_MS);
    }
}

/// A text in each language: `name_en`, `name_de`, …; what is left out is as in the first.
fn each(draft: &Draft, form: &Form, name: &str) -> Texts {
    let given = |language: &String| form.text(&format!("{name}_{language}")).replace("\r\n", "\n");
    let first = draft.languages.iter().map(given).find(|text| !text.is_empty()).unwrap_or_default();
    let one =
        |language: &String| Some(given(language)).filter(|text| !text.is_empty()).unwrap_or_else(|| first.clone());
    draft.languages.iter().map(|language| (language.clone(), one(language))).collect()
}

fn contests(draft: &mut Draft, form: &Form, button: &str) {
    let old = std::mem::take(&mut draft.contests);
    for (i, before) in old.into_iter().enumerate() {
        let name = |field: &str| format!("c{i}_{field}");
        let texts = each(draft, form, &name("name"));
        let id = form.text(&name("id")).to_owned();
        let contest = ContestDraft {
            id: if id.is_empty() { format!("contest-{}", i + 1) } else { id },
            name: texts,
            kind: form.text(&name("kind")).to_owned(),
            options: form.raw(&name("options")).replace("\r\n", "\n"),
            min: number(form, &name("min"), before.min),
            max: number(form, &name("max"), before.max),
            seats: number(form, &name("seats"), before.seats),
            blank: form.ticked(&name("blank")),
            undervotes: form.ticked(&name("undervotes")),
            random_order: form.ticked(&name("random_order")),
            score_max: number(form, &name("score_max"), before.score_max),
            limit: number(form, &name("limit"), before.limit),
            credits: number(form, &name("credits"), before.credits),
            places: number(form, &name("places"), before.places),
            last_is_nothing: form.ticked(&name("last_is_nothing")),
        };
        if button != format!("remove-{i}") {
            draft.contests.push(contest);
        }
    }
    if button == "add" && draft.contests.len() < MAX_CONTESTS {
        let id = format!("contest-{}", draft.contests.len() + 1);
        draft.contests.push(ContestDraft { id, ..ContestDraft::default() });
    }
}

fn voters(draft: &mut Draft, form: &Form) -> Result<(), &'static str> {
    draft.styles = form.raw("styles").replace("\r\n", "\n");
    draft.groups = form.raw("groups").replace("\r\n", "\n");
    draft.floor = number(form, "floor", draft.floor);
    draft.casts = number(form, "casts", draft.casts);
    draft.weights_may_identify = form.ticked("weights_may_identify");
    draft.max_total_weight = number(form, "max_total_weight", draft.max_total_weight);
    if let Some(file) = form.file("registrar") {
        draft.registrar = Some(serde_json::from_slice(file).map_err(|_| "bad_registrar_file")?);
    }
    Ok(())
}

async fn create(visit: &Visit<'_>, key: &str, draft: &Draft, form: &Form) -> Answer {
    if !form.ticked("sure") {
        return Err(Refusal::Wrong("not_sure"));
    }
    let Ok(manifest) = manifest::make(visit.dashboard, draft) else { return page(visit, key, "review").await };
    let leaf = manifest.to_leaf().map_err(|e| Refusal::Because(e.to_string()))?;
    let id = manifest.election.to_string();
    visit.note("create", &id, manifest.fingerprint().to_string()).await?;
    if let Err(problem) = visit.dashboard.board.create(leaf.into()).await {
        return page_with(visit, key, "review", Some(problem.to_string())).await;
    }
    visit.dashboard.store.take(Kind::Draft, key).await?;
    for trustee in &draft.trustees {
        visit.dashboard.store.take(Kind::Trustee, &Hash::of(trustee.token.as_bytes()).to_string()).await?;
    }
    Ok(redirect(&format!("/admin/e/{id}?done=created")))
}
