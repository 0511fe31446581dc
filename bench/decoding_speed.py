"""`tagbench speed prepare`: from a file to 16 kHz mono, side by side with librosa.load and essentia's MonoLoader.

What soundfile takes to decode a file and do nothing with it stands beside them: nothing that decodes by libsndfile, as
librosa and this project do, can take less. Each library is imported where it is used: no contestant carries another's.
"""

import importlib.util
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bench.audio import AudioSettings, decode
from bench.corpora import place_of
from bench.corpus import Float32Array
from bench.m4a import load_essentia
from bench.progress import say
from bench.speed import Findings, Lap, Row, median_seconds, take_turns

PACKAGES = ("tagbench", "essentia", "librosa", "numpy", "soundfile", "soxr")
FILE_RATE, HEARD_RATE = 44_100, 16_000  # Hz
FORMATS = ("mp3", "flac", "ogg")
CHANNELS = {"mono": 1, "stereo": 2}
HISS = 0.1  # of the music's level: it is synthesised at 16 kHz, and holds nothing above 8 kHz
DELAY = 23  # samples from the left channel to the right one
PIECE = 1 << 16  # frames


@dataclass(frozen=True)
class Sizes:
    """How much is measured: songs, their length in seconds, and the times that each is heard by each contestant."""

    songs: int = 4
    seconds: float = 120.0
    laps: int = 3


FULL = Sizes()
QUICK = Sizes(songs=1, seconds=3.0, laps=1)


def compare_preparing(sizes: Sizes, *, cache: Path, workers: int) -> Findings:
    """Return the CPU seconds that each contestant takes for a song of each format; songs are kept in `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="speed-") as folder:
        files = write_songs(sizes, Path(folder), cache=cache, workers=workers)
        m4as = {kind: files.pop(kind) for kind in list(files) if kind.startswith("m4a")}
        only_essentia = {name: CONTESTANTS[name] for name in ("tagbench", "essentia")}
        return _compare(CONTESTANTS, files, sizes) + _compare(only_essentia, m4as, sizes)


def tagbench_samples(file: Path) -> int:
    """Hear a file as a study does; return the number of samples."""
    return len(decode(file, AudioSettings(sample_rate=HEARD_RATE)).samples)


def librosa_samples(file: Path) -> int:
    """Load a file by librosa; return the number of samples."""
    import librosa

    samples, _ = librosa.load(file, sr=HEARD_RATE)
    return len(samples)


def essentia_samples(file: Path) -> int:
    """Load a file by essentia's MonoLoader with its stock settings; return the number of samples."""
    return len(load_essentia().MonoLoader(filename=str(file), sampleRate=HEARD_RATE)())


def decoded_alone(file: Path) -> int:
    """Decode a file by soundfile, without averaging channels or resampling; return the number of samples."""
    samples, _ = soundfile.read(file, dtype="float32")
    return len(samples)


CONTESTANTS = {
    "tagbench": tagbench_samples,
    "librosa": librosa_samples,
    "essentia": essentia_samples,
    "decoding_alone": decoded_alone,
}

RIVALS = ("librosa", "essentia")


def _compare(contestants: Mapping[str, Callable[[Path], int]], files: dict[str, list[Path]], sizes: Sizes) -> Findings:
    if not files:
        return Findings()
    items = [(kind, file) for kind, of in files.items() for file in of]
    say(f"hearing {len(items)} files of {sizes.seconds:g} s ({', '.join(files)}), {sizes.laps} times each")
    paths = [file for _, file in items]
    laps = take_turns(contestants, paths, laps=sizes.laps, warm_up=paths[0])
    found = Findings()
    for kind in files:
        mine = [place for place, (other, _) in enumerate(items * sizes.laps) if other == kind]
        found += _told(kind, {name: [of[place] for place in mine] for name, of in laps.items()}, sizes.seconds)
    return found


def _told(kind: str, laps: dict[str, list[Lap[int]]], seconds: float) -> Findings:
    cost = {name: median_seconds(of) for name, of in laps.items()}
    rows = (Row(f"{kind}_cpu_seconds_{name}", cost[name], f"CPU s a song of {seconds:g} s") for name in cost)
    ratios = {f"prepare_{kind}_vs_{name}": cost[name] / cost["tagbench"] for name in cost if name in RIVALS}
    if "librosa" in cost:
        ratios[f"decoding_alone_{kind}_vs_librosa"] = cost["librosa"] / cost["decoding_alone"]
    return Findings(tuple(rows), ratios)


def write_songs(sizes: Sizes, folder: Path, *, cache: Path, workers: int) -> dict[str, list[Path]]:
    """Write each song in each format, mono and stereo; return the files by format and channels, as "mp3_mono"."""
    formats = FORMATS if importlib.util.find_spec("av") is None else (*FORMATS, "m4a")  # nothing else writes AAC
    files: dict[str, list[Path]] = {f"{form}_{name}": [] for form, name in product(formats, CHANNELS)}
    for number, stereo in enumerate(stereo_songs(sizes, cache=cache, workers=workers)):
        for form, (name, channels) in product(formats, CHANNELS.items()):
            file = folder / f"{number}_{name}.{form}"
            (_write_m4a if form == "m4a" else write_sound)(file, stereo[:, :channels])
            files[f"{form}_{name}"].append(file)
    return files


def stereo_songs(sizes: Sizes, *, cache: Path, workers: int) -> Iterator[Float32Array]:
    """Yield songs of the embedded corpus at 44.1 kHz, shape (frames, 2), with what makes codecs work as on music."""
    settings = {"tracks": sizes.songs, "seconds": sizes.seconds}
    corpus = place_of("embedded", settings, root=None, cache=cache).load(workers=workers)
    for number, source in enumerate(corpus.files.tolist()):
        song = decode(corpus.root / source, AudioSettings(sample_rate=FILE_RATE)).samples
        hiss = HISS * np.random.default_rng(number).standard_normal((len(song), 2), np.float32)
        both = np.stack([song, 0.8 * np.roll(song, DELAY)], axis=1) * (1 + hiss)
        yield np.asarray(0.9 * both / np.abs(both).max(), np.float32)


def write_sound(file: Path, samples: Float32Array, form: str | None = None) -> None:
    """Write what is at 44.1 kHz, shape (frames, channels), in pieces: libsndfile crashes on a long Vorbis one."""
    with soundfile.SoundFile(file, "w", FILE_RATE, samples.shape[1], format=form) as out:
        for start in range(0, len(samples), PIECE):
            out.write(samples[start : start + PIECE])


def _write_m4a(file: Path, samples: Float32Array) -> None:
    import av

    with av.open(str(file), "w", format="ipod") as container:
        stream: Any = container.add_stream("aac", rate=FILE_RATE)
        stream.layout = layout = "stereo" if samples.shape[1] == 2 else "mono"
        for start in range(0, len(samples), PIECE):
            planes = np.ascontiguousarray(samples[start : start + PIECE].T)
            frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = FILE_RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
