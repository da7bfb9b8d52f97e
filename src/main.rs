//! The `snakebridge` binary: argument parsing and dispatch, nothing else.

fn main() -> anyhow::Result<()> {
    Ok(())
}
