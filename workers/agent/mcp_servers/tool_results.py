"""Convert responses of MCP servers to content blocks: text marked as data, and images."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Final

from mcp_types import CallToolResult, EmbeddedResource, ImageContent, TextContent, TextResourceContents

from backend.storage.mime import HEAD_BYTES, sniff
from workers.agent.attachments import images as image_files
from workers.agent.untrusted import marked
from workers.llm.types import Block

MAX_IMAGE_BYTES: Final = 5 << 20
MAX_IMAGES: Final = 5


def content_of(response: CallToolResult, *, server: str, tool: str, vision: bool) -> str | list[Block]:
    """Return the response for the model: text alone as text, which may be shortened, else blocks."""
    texts: list[str] = []
    images: list[Block] = []
    for part in response.content:
        if isinstance(part, TextContent):
            texts.append(part.text)
        elif isinstance(part, EmbeddedResource) and isinstance(part.resource, TextResourceContents):
            texts.append(f"{part.resource.uri}:\n{part.resource.text}")
        elif isinstance(part, ImageContent):
            image = _image(part.data, vision=vision) if len(images) < MAX_IMAGES else "[another image]"
            if isinstance(image, str):
                texts.append(image)
            else:
                images.append(image)
        else:
            texts.append(f"[{part.type}: not shown]")
    if not texts and response.structured_content is not None:
        texts.append(json.dumps(response.structured_content, ensure_ascii=False))
    text = marked("tool_data", "\n\n".join(texts) or "(nothing)", server=server, tool=tool)
    return [{"type": "text", "text": text}, *images] if images else text


def _image(data: str, *, vision: bool) -> Block | str:
    """Return an image as a block, or a text instead of it."""
    try:
        content = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error):
        return "[a damaged image]"
    kind = sniff(content[:HEAD_BYTES], "")
    size = image_files.size_of(content, kind) if kind in image_files.KINDS else None
    if size is None:
        return f"[an image that cannot be shown: {kind}]"
    if not vision:
        return f"[an image ({kind}, {size.width} × {size.height}), which this model cannot read]"
    if max(size) > image_files.MAX_PIXELS or len(content) > MAX_IMAGE_BYTES:
        return (
            f"[an image ({kind}, {size.width} × {size.height}, {len(content):,} bytes), too large to be "
            "shown]"
        )
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}
