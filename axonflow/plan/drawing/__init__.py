"""Pictures of plans and of their runs, as text: Mermaid, DOT and SVG. Pure: a graph goes in, a string comes out."""

from axonflow.plan.drawing.critical import Timed, critical_path
from axonflow.plan.drawing.dot import dot
from axonflow.plan.drawing.gantt import gantt
from axonflow.plan.drawing.mermaid import mermaid
from axonflow.plan.drawing.outline import outline
from axonflow.plan.drawing.svg import svg

__all__ = ["Timed", "critical_path", "dot", "gantt", "mermaid", "outline", "svg"]
