//! The peer of the key agreement: an OpenMLS group that rotates by commit.
//!
//! Suite, provider and storage are the ones its own examples use: X25519, AES-128-GCM, Ed25519 by
//! RustCrypto, state in memory. No post-quantum part and no confirmations, which ours has.

use anyhow::{bail, ensure};
use openmls::framing::{MlsMessageBodyIn, MlsMessageIn, MlsMessageOut, ProcessedMessageContent};
use openmls::group::{
    MlsGroup, MlsGroupCreateConfig, PURE_PLAINTEXT_WIRE_FORMAT_POLICY, StagedWelcome,
};
use openmls::prelude::{BasicCredential, CredentialWithKey, KeyPackage, KeyPackageBundle};
use openmls::treesync::LeafNodeParameters;
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::types::Ciphersuite;

use crate::clock::Stopwatch;

/// Mandatory to implement (RFC 9420 §17.1).
const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;

/// Its name in the results.
pub(crate) const SUITE_NAME: &str = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";

struct Member {
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
    group: MlsGroup,
}

/// A group in which member 0 commits.
pub(crate) struct Group(Vec<Member>);

/// What one rotation took.
pub(crate) struct Commit {
    /// Of all members together: the commit, and everyone's taking it.
    pub(crate) cpu_ms: f64,
    /// Of the one who commits.
    pub(crate) committer_cpu_ms: f64,
    /// The commit on the wire.
    pub(crate) bytes: usize,
}

impl Group {
    /// A group of `members` whose tree is as full as commits make it on the way from member 0 to
    /// the root: from then on a commit costs what it costs in a long meeting.
    ///
    /// # Errors
    /// When OpenMLS refuses.
    pub(crate) fn gather(members: usize) -> anyhow::Result<Self> {
        let config = MlsGroupCreateConfig::builder()
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .ciphersuite(SUITE)
            .build();
        let (provider, signer, credential) = newcomer(0)?;
        let mut group = MlsGroup::new(&provider, &signer, &config, credential)?;
        let mut waiting = Vec::new();
        for n in 1..members {
            let (provider, signer, credential) = newcomer(n)?;
            let package = KeyPackage::builder().build(SUITE, &provider, &signer, credential)?;
            waiting.push((provider, signer, package));
        }
        let packages: Vec<_> = waiting.iter().map(|(_, _, p)| key_package(p)).collect();
        let (_, welcome, _) = group.add_members(&provider, &signer, &packages)?;
        group.merge_pending_commit(&provider)?;
        let tree = group.export_ratchet_tree();
        let mut all = vec![Member { provider, signer, group }];
        for (provider, signer, _) in waiting {
            let MlsMessageBodyIn::Welcome(welcome) = MlsMessageIn::from(welcome.clone()).extract()
            else {
                bail!("not a welcome")
            };
            let staged = StagedWelcome::new_from_welcome(
                &provider,
                config.join_config(),
                welcome,
                Some(tree.clone().into()),
            )?;
            let group = staged.into_group(&provider)?;
            all.push(Member { provider, signer, group });
        }
        let mut group = Self(all);
        // One commit from each subtree beside the way from leaf 0 to the root.
        for by in (0..).map(|level| 1 << level).take_while(|by| *by < members) {
            group.commit_by(by)?;
        }
        Ok(group)
    }

    /// Member 0 commits an update, everyone else takes it.
    ///
    /// # Errors
    /// When OpenMLS refuses, or they end in different epochs.
    pub(crate) fn rotate(&mut self) -> anyhow::Result<Commit> {
        self.commit_by(0)
    }

    fn commit_by(&mut self, by: usize) -> anyhow::Result<Commit> {
        let watch = Stopwatch::start();
        let author = &mut self.0[by];
        let made = author.group.self_update(
            &author.provider,
            &author.signer,
            LeafNodeParameters::default(),
        )?;
        let commit = made.into_commit();
        author.group.merge_pending_commit(&author.provider)?;
        let committer_cpu_ms = watch.cpu_ms();
        for (_, member) in self.0.iter_mut().enumerate().filter(|(n, _)| *n != by) {
            member.take(&commit)?;
        }
        let cpu_ms = watch.cpu_ms();
        let epoch = self.0[by].group.epoch();
        ensure!(self.0.iter().all(|m| m.group.epoch() == epoch), "epochs differ");
        Ok(Commit { cpu_ms, committer_cpu_ms, bytes: commit.to_bytes()?.len() })
    }
}

impl Member {
    fn take(&mut self, commit: &MlsMessageOut) -> anyhow::Result<()> {
        let message = MlsMessageIn::from(commit.clone()).try_into_protocol_message()?;
        let processed = self.group.process_message(&self.provider, message)?;
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            bail!("not a commit");
        };
        self.group.merge_staged_commit(&self.provider, *staged)?;
        Ok(())
    }
}

fn key_package(bundle: &KeyPackageBundle) -> KeyPackage {
    bundle.key_package().clone()
}

fn newcomer(n: usize) -> anyhow::Result<(OpenMlsRustCrypto, SignatureKeyPair, CredentialWithKey)> {
    let signer = SignatureKeyPair::new(SUITE.signature_algorithm())
        .map_err(|e| anyhow::anyhow!("a signature key: {e:?}"))?;
    let credential = CredentialWithKey {
        credential: BasicCredential::new(n.to_be_bytes().to_vec()).into(),
        signature_key: signer.to_public_vec().into(),
    };
    Ok((OpenMlsRustCrypto::default(), signer, credential))
}
