"""What is accepted: containers and codecs, as FFmpeg names them. Everything else is refused unopened.

A demuxer that opens other files or addresses (hls, dash, concat, sdp, image2, ...), and a decoder that nobody records
speech with, is only a way in for an attacker.
"""

CONTAINERS = (
    "aac",
    "aiff",
    "amr",
    "asf",  # wma, wmv
    "avi",
    "caf",
    "flac",
    "flv",
    "matroska",  # mkv, webm
    "mov",  # m4a, mp4, 3gp
    "mp3",
    "mpeg",
    "mpegts",
    "ogg",
    "wav",
)

# Codec -> its decoders: which of them there are is up to how FFmpeg was built.
CODECS: dict[str, tuple[str, ...]] = {
    "aac": ("aac", "aac_fixed"),
    "aac_latm": ("aac_latm",),
    "ac3": ("ac3", "ac3_fixed"),
    "adpcm_g722": ("g722",),
    "adpcm_g726": ("g726",),
    "adpcm_ima_qt": ("adpcm_ima_qt",),
    "adpcm_ima_wav": ("adpcm_ima_wav",),
    "adpcm_ms": ("adpcm_ms",),
    "alac": ("alac",),
    "amr_nb": ("amrnb", "libopencore_amrnb"),
    "amr_wb": ("amrwb", "libopencore_amrwb"),
    "eac3": ("eac3",),
    "flac": ("flac",),
    "g723_1": ("g723_1",),
    "g729": ("g729",),
    "gsm": ("gsm", "libgsm"),
    "gsm_ms": ("gsm_ms", "libgsm_ms"),
    "mp1": ("mp1float", "mp1"),
    "mp2": ("mp2float", "mp2"),
    "mp3": ("mp3float", "mp3"),
    "opus": ("opus", "libopus"),
    "speex": ("speex", "libspeex"),
    "vorbis": ("vorbis", "libvorbis"),
    "wmapro": ("wmapro",),
    "wmav1": ("wmav1",),
    "wmav2": ("wmav2",),
    "wmavoice": ("wmavoice",),
    **{
        name: (name,)
        for name in (
            "pcm_alaw",
            "pcm_f32be",
            "pcm_f32le",
            "pcm_f64be",
            "pcm_f64le",
            "pcm_mulaw",
            "pcm_s16be",
            "pcm_s16le",
            "pcm_s24be",
            "pcm_s24le",
            "pcm_s32be",
            "pcm_s32le",
            "pcm_s8",
            "pcm_u8",
        )
    },
}

# What to say to people.
ACCEPTED = "wav, mp3, m4a, ogg, opus, flac, webm, or a video such as mp4 or mkv"
