"""Speak text with the bundled eSpeak NG: a plain voice in about a hundred languages."""

from __future__ import annotations

import ctypes
import wave
from pathlib import Path
from typing import Final

import espeakng_loader  # type: ignore[import-untyped]  # it has no types

_SYNCHRONOUS: Final = 2
_NEVER_EXIT: Final = 0x8000
_RATE: Final = 1
_UTF8: Final = 1
_WORDS_PER_MINUTE: Final = 170
_MIN_RATE, _MAX_RATE = 80, 450
_VOICE: Final = "en"
_CONTINUE: Final = 0
"""The return value of the callback to continue."""


def speak(text: str, *, voice: str, speed: float, to: Path) -> str:
    """Speak the text into a WAV file; return the voice that was used, which is English if the requested one is unknown.

    Raises:
        OSError: No speech was generated.
    """
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _NEVER_EXIT)
    if rate <= 0:
        raise OSError("eSpeak NG did not start")
    used_voice = voice if _has_voice(library, voice) else _VOICE
    library.espeak_SetVoiceByName(used_voice.encode())
    library.espeak_SetParameter(_RATE, round(min(max(_WORDS_PER_MINUTE * speed, _MIN_RATE), _MAX_RATE)), 0)
    with wave.open(str(to), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        _synthesize(library, text, file)
        if file.tell() == 0:
            raise OSError("eSpeak NG generated no speech")
    return used_voice


def _has_voice(library: ctypes.CDLL, voice: str) -> bool:
    return bool(voice) and library.espeak_SetVoiceByName(voice.encode()) == 0


def _synthesize(library: ctypes.CDLL, text: str, file: wave.Wave_write) -> None:
    def on_samples(samples: ctypes._Pointer[ctypes.c_short], count: int, _: object) -> int:
        if samples and count > 0:
            file.writeframesraw(ctypes.string_at(samples, 2 * count))
        return _CONTINUE

    callback_type = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
    )
    callback = callback_type(on_samples)
    library.espeak_SetSynthCallback(callback)
    encoded = text.encode("utf-8", "replace") + b"\0"
    library.espeak_Synth.argtypes = [
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
        *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
    ]
    library.espeak_Synth(encoded, len(encoded), 0, 1, 0, _UTF8, None, None)
    library.espeak_Synchronize()
