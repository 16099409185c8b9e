//! What every adapter of the seals keeps.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Seal, SealedHead, Seals,
    merkle::{Edge, Hash, TileId, Tiles, leaf_hash},
};

/// Checks everything, on seals of which there are none yet.
///
/// # Errors
/// The promise that was broken.
pub async fn check(seals: &dyn Seals) -> Result<(), String> {
    let mut edge = Edge::default();
    let none = seals.newest().await.map_err(text)?;
    expect(none.is_none(), "there is a head already")?;

    let first = grow(&mut edge, 300);
    expect(store(seals, &first).await?, "the first seal is refused")?;
    whole(seals, &first).await?;

    // Made on nothing, and on a head that there never was.
    for on in [0, 299] {
        let late = Seal {
            on,
            ..grow(&mut edge.clone(), 5)
        };
        expect(
            !store(seals, &late).await?,
            "a seal on an older head is stored",
        )?;
    }
    whole(seals, &first).await?;

    let second = grow(&mut edge, 70_000);
    expect(store(seals, &second).await?, "the second seal is refused")?;
    whole(seals, &second).await?;

    let heads = seals.heads(0, 10).await.map_err(text)?;
    expect(
        heads == [first.head.clone(), second.head.clone()],
        "the heads are not listed in order",
    )?;
    let page = seals.heads(0, 1).await.map_err(text)?;
    expect(page == [first.head], "a page is not the first heads")?;
    let page = seals.heads(300, 10).await.map_err(text)?;
    expect(page == [second.head], "heads before the page are listed")?;

    let stranger = [TileId {
        level: 7,
        index: 1 << 40,
    }];
    let found = seals.tiles(&stranger).await.map_err(text)?;
    expect(found.is_empty(), "a tile is found that was never stored")?;
    let events = seals.count_events(1 << 40).await.map_err(text)?;
    expect(events == 0, "an empty log has events")
}

fn grow(edge: &mut Edge, leaves: u64) -> Seal {
    let on = edge.size();
    for number in 0..leaves {
        edge.push(leaf_hash(&number.to_be_bytes()));
    }
    let seconds = TimeDelta::seconds(i64::try_from(edge.size()).unwrap_or_default());
    Seal {
        on,
        head: SealedHead {
            size: edge.size(),
            root: edge.root(),
            note: format!("log\n{}\n\n— key sig\n", edge.size()),
            sealed_at: DateTime::<Utc>::UNIX_EPOCH + seconds + TimeDelta::microseconds(7),
        },
        tiles: edge.take_changed(),
    }
}

async fn store(seals: &dyn Seals, seal: &Seal) -> Result<bool, String> {
    seals.seal(seal.clone()).await.map_err(text)
}

/// The seal is the newest, and all of it is there.
async fn whole(seals: &dyn Seals, seal: &Seal) -> Result<(), String> {
    let newest = seals.newest().await.map_err(text)?;
    expect(
        newest.as_ref() == Some(&seal.head),
        "the newest head is another",
    )?;
    let ids: Vec<_> = seal.tiles.keys().copied().collect();
    let tiles: Tiles = seals.tiles(&ids).await.map_err(text)?;
    expect(tiles == seal.tiles, "the tiles are others")?;
    let edge = seals
        .tiles(&Edge::tiles(seal.head.size))
        .await
        .map_err(text)?;
    let root: Option<Hash> = Edge::new(seal.head.size, &edge)
        .ok()
        .map(|edge| edge.root());
    expect(root == Some(seal.head.root), "the tiles make another root")
}

fn expect(holds: bool, broken: &str) -> Result<(), String> {
    holds.then_some(()).ok_or_else(|| broken.to_owned())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
