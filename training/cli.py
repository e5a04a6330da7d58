"""Train, evaluate and package the starter model.

Every command goes on where the last one stopped; the state lies in the folder that
FIMBRIA_TRAINING_DIR names, or else in the user's data folder.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.folders import BENCHMARK_FOLDER, STARTER_FOLDER, default_state_folder

app = typer.Typer(help=__doc__, no_args_is_help=True)
console = Console(highlight=False, soft_wrap=True)

Init = Annotated[Path | None, typer.Option(help="Model folder to start from, the first time.")]
InitTokens = Annotated[int, typer.Option(help="Tokens that those weights have seen.")]
Tokens = Annotated[int, typer.Option(help="Tokens over which the rate decays to nothing.")]
Data = Annotated[Path, typer.Option(help="Folder of the benchmark files.")]
AllowExec = Annotated[bool, typer.Option("--allow-exec", help="Run the generated programs.")]

DEFAULT_COOLDOWN = 4_000_000


@app.command()
def corpus() -> None:
    """Collect, clean, de-duplicate and split the training text."""
    from training import steps

    steps.build_corpus(default_state_folder(), console)


@app.command()
def tokenizer(
    reuse: Annotated[Path | None, typer.Option(help="Take the tokenizer of this folder.")] = None,
) -> None:
    """Train the tokenizer on the corpus, or take over another one's."""
    from training import steps

    steps.make_tokenizer(default_state_folder(), console, reuse)


@app.command()
def train(init: Init = None, init_tokens: InitTokens = 0) -> None:
    """Train at a constant rate until stopped."""
    from training import runs

    start = runs.Start(init, init_tokens) if init else None
    runs.train(default_state_folder(), console, start=start)


@app.command()
def cooldown(
    tokens: Tokens = DEFAULT_COOLDOWN,
    anew: Annotated[bool, typer.Option("--anew", help="Give up a branch begun before.")] = False,
) -> None:
    """Branch off the training and decay the rate: what comes out can be shipped."""
    from training import runs

    state = default_state_folder()
    if anew:
        state.branch.unlink(missing_ok=True)
    runs.cooldown(state, console, num_tokens=tokens)


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(help="Model folder.")] = STARTER_FOLDER,
    name: Annotated[str, typer.Option(help="Name of the results.")] = "starter",
    data: Data = BENCHMARK_FOLDER,
    limit: Annotated[int | None, typer.Option(help="Only so many items of each task.")] = None,
    allow_exec: AllowExec = False,
) -> None:
    """Measure a model folder through the product's own engine."""
    from training import steps
    from training.evaluation.run import Options

    options = Options(model, data, limit, allow_exec)
    steps.evaluate_model(default_state_folder(), options, name, console)


@app.command()
def export(
    target: Annotated[Path, typer.Argument(help="Where the model folder goes.")],
    constant: Annotated[
        bool, typer.Option("--constant", help="The constant-rate run instead of the cooldown.")
    ] = False,
) -> None:
    """Write a model folder of bfloat16 weights, configuration and tokenizer."""
    from training.export import export_model

    state = default_state_folder()
    export_model(state.checkpoint if constant else state.branch, state.tokenizer, target)


@app.command()
def card(
    name: Annotated[str, typer.Option(help="Name of the results to state.")] = "starter",
    earlier: Annotated[str | None, typer.Option(help="Results of the model before.")] = None,
    target: Annotated[Path, typer.Option(help="Model folder to describe.")] = STARTER_FOLDER,
) -> None:
    """Write the model card, the notice and the loss curve beside a model's weights."""
    from training import steps

    steps.describe_model(default_state_folder(), target, name, earlier)


@app.command()
def status() -> None:
    """Show what is done and how far the training has come."""
    from training import steps

    steps.show_status(default_state_folder(), console)


@app.command()
def pause() -> None:
    """Make a running training wait before its next step."""
    default_state_folder().pause_file.touch()


@app.command()
def resume() -> None:
    """Let a paused training go on."""
    default_state_folder().pause_file.unlink(missing_ok=True)


@app.command("all")
def run_all(
    target: Annotated[Path, typer.Option(help="Where the model folder goes.")] = STARTER_FOLDER,
    total_tokens: Annotated[int, typer.Option(help="Length of the constant part.")] = 40_000_000,
    tokens: Tokens = DEFAULT_COOLDOWN,
    data: Data = BENCHMARK_FOLDER,
    allow_exec: AllowExec = False,
) -> None:
    """Do whatever is not done yet, from the corpus to the model folder with its card."""
    from training import steps
    from training.evaluation.run import Options

    options = Options(target, data, None, allow_exec)
    lengths = steps.Lengths(total_tokens, tokens)
    steps.do_everything(default_state_folder(), lengths, options, console)
